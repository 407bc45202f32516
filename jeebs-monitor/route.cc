// SPDX-License-Identifier: ISC
#include "route.hh"

#include <array>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "rtnl.hh"

namespace jeebs {

namespace {

void
put_address(nlmsghdr *request, uint16_t attribute, const IpAddr &addr)
{
	mnl_attr_put(request, attribute, addr.is_v6() ? 16 : 4,
	    addr.bytes().data());
}

int
out_interface(const nlattr *a, void *index)
{
	if (mnl_attr_get_type(a) == RTA_OIF &&
	    mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
		*static_cast<unsigned *>(index) = mnl_attr_get_u32(a);
	return MNL_CB_OK;
}

} // namespace

Result<unsigned>
route_interface(const IpAddr &from, const IpAddr &to)
{
	alignas(nlmsghdr) std::array<char, 256> buffer{};
	unsigned index = 0;

	nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
	request->nlmsg_type = RTM_GETROUTE;
	auto *r = static_cast<rtmsg *>(mnl_nlmsg_put_extra_header(request,
	    sizeof(rtmsg)));
	r->rtm_family = to.is_v6() ? AF_INET6 : AF_INET;
	r->rtm_dst_len = r->rtm_src_len = to.is_v6() ? 128 : 32;
	put_address(request, RTA_DST, to);
	put_address(request, RTA_SRC, from);
	if (auto ok = rtnl_get(request, [&index](const nlmsghdr *answer) {
		if (answer->nlmsg_type == RTM_NEWROUTE)
			mnl_attr_parse(answer, sizeof(rtmsg), out_interface,
			    &index);
	    }); !ok)
		return tl::unexpected(ok.error());
	if (index == 0)
		return fail("no route to " + to.to_string(), ENETUNREACH);
	return index;
}

} // namespace jeebs
