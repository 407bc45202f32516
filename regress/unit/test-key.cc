// SPDX-License-Identifier: ISC
#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "key.hh"
#include "scratch.hh"

using namespace jeebs;
using namespace jeebs::test;

BOOST_AUTO_TEST_SUITE(key)

BOOST_AUTO_TEST_CASE(made_and_loaded)
{
	ScratchDir dir;
	auto file = dir / "key";
	auto pin = generate_key(file);
	BOOST_REQUIRE_MESSAGE(pin.has_value(), pin.error().what);
	BOOST_TEST(is_pin(*pin));
	struct stat st{};
	BOOST_REQUIRE(::stat(file.c_str(), &st) == 0);
	BOOST_TEST((st.st_mode & 07777) == 0600U);
	auto k = load_key(file);
	BOOST_REQUIRE(k.has_value());
	BOOST_TEST(k->pin == *pin);
	BOOST_TEST(X509_verify(k->certificate.get(), k->key.get()) == 1);
	auto other = generate_key(dir / "other");
	BOOST_TEST(*other != *pin);
}

BOOST_AUTO_TEST_CASE(an_existing_file_stays)
{
	ScratchDir dir;
	auto file = dir / "key";
	std::ofstream(file) << "precious";
	auto pin = generate_key(file);
	BOOST_REQUIRE(!pin.has_value());
	BOOST_TEST(pin.error().what.find(file) == 0U);
	std::string text;
	std::ifstream(file) >> text;
	BOOST_TEST(text == "precious");
}

BOOST_AUTO_TEST_CASE(files_that_are_no_keys)
{
	ScratchDir dir;
	auto refused = [](const std::string &file, const char *why) {
		auto k = load_key(file);
		BOOST_REQUIRE(!k.has_value());
		BOOST_TEST(k.error().what.find(file) == 0U);
		BOOST_TEST(k.error().what.find(why) != std::string::npos,
		    k.error().what);
	};
	refused(dir / "none", "keygen");
	refused(dir.path(), "regular");
	auto junk = dir / "junk";
	std::ofstream(junk) << "-----BEGIN NONSENSE-----\n";
	BOOST_REQUIRE(::chmod(junk.c_str(), 0600) == 0);
	refused(junk, "Ed25519");

	auto file = dir / "key";
	BOOST_REQUIRE(generate_key(file).has_value());
	BOOST_REQUIRE(::chmod(file.c_str(), 0640) == 0);
	refused(file, "chmod 600");

	auto write = [&](const std::string &name, EVP_PKEY *pkey,
	    const EVP_CIPHER *cipher) {
		auto path = dir / name;
		FILE *f = std::fopen(path.c_str(), "w");
		BOOST_REQUIRE(f != nullptr);
		unsigned char pass[] = "pw";
		BOOST_REQUIRE(PEM_write_PrivateKey(f, pkey, cipher, pass,
		    cipher == nullptr ? 0 : 2, nullptr, nullptr) == 1);
		std::fclose(f);
		BOOST_REQUIRE(::chmod(path.c_str(), 0600) == 0);
		return path;
	};
	PkeyPtr ec(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
	refused(write("ec", ec.get(), nullptr), "Ed25519");
	PkeyPtr ed(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
	refused(write("locked", ed.get(), EVP_aes_128_cbc()), "unencrypted");
}

BOOST_AUTO_TEST_CASE(pins)
{
	const std::string good = "jy7BQmeFgKTYHguMQDb+Ma5vrz3vS/Cw4xJ5cxBd394=";
	BOOST_TEST(is_pin(good));
	BOOST_TEST(!is_pin(good.substr(1)));
	BOOST_TEST(!is_pin(good + "="));
	BOOST_TEST(!is_pin(std::string(44, '=')));
	auto changed = [&](size_t at, char c) {
		auto s = good;
		s[at] = c;
		return s;
	};
	BOOST_TEST(!is_pin(changed(0, ' ')));
	BOOST_TEST(!is_pin(changed(42, '5')));	// bits that no byte has
	BOOST_TEST(!is_pin(changed(43, 'A')));
}

BOOST_AUTO_TEST_SUITE_END()
