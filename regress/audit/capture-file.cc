// SPDX-License-Identifier: ISC
#include "capture-file.hh"

#include <pcap/pcap.h>

#include <fmt/format.h>

namespace jeebs::audit {

namespace {

constexpr size_t row_length = 256;

} // namespace

void
CaptureFile::Close::operator()(pcap *p) const
{
	pcap_close(p);
}

Result<CaptureFile>
CaptureFile::open(const std::string &path)
{
	char why[PCAP_ERRBUF_SIZE];
	CaptureFile f;

	f.path_ = path;
	f.pcap_.reset(pcap_open_offline_with_tstamp_precision(path.c_str(),
	    PCAP_TSTAMP_PRECISION_NANO, why));
	if (!f.pcap_)
		return fail(path + ": " + why);
	if (pcap_datalink(f.pcap_.get()) != DLT_EN10MB)
		return fail(path + ": not a capture of Ethernet frames");
	if (auto ok = f.fill(); !ok)
		return tl::unexpected(ok.error());
	return f;
}

Result<void>
CaptureFile::fill()
{
	pcap_pkthdr *header;
	const u_char *bytes;

	while (pcap_ && row_.size() < row_length) {
		int r = pcap_next_ex(pcap_.get(), &header, &bytes);
		if (r == 1) {
			row_.push({Stamp{header->ts.tv_sec} * 1'000'000'000 +
			    header->ts.tv_usec, ++count_,
			    {bytes, bytes + header->caplen}});
			continue;
		}
		std::string why = r == PCAP_ERROR ? pcap_geterr(pcap_.get()) :
		    "";
		pcap_.reset();
		if (!why.empty())
			return fail(fmt::format("{}: after {} frames: {}",
			    path_, count_, why));
	}
	return {};
}

Result<void>
CaptureFile::next()
{
	if (!row_.empty())
		row_.pop();
	return fill();
}

} // namespace jeebs::audit
