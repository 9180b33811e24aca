// Package where chooses packets by their decoded fields, in the language of Wireshark's display filters:
//
//	dns.qry.name contains "example" and tcp.len > 0
//	ip.addr == 192.0.2.0/24 and not tcp.port in {80, 443, 8000..8999}
//	eth.src[0:3] == 00:00:83 or http.host matches r"(^|\.)example\.com$"
//
// Parse reads an expression, checks the types in it, and says at which column it is wrong; a [Matcher] decides on
// packets. [Expression.Prefilter] is a filter in the language of pcap-filter(7) that each packet that matches passes,
// for a kernel or for what comes before decoding.
//
// # Fields
//
// A field is named by its key, such as tcp.dstport, or as --json has it, such as tcp.dst_port: all of
// [decode.Definitions], and those of the frame, such as frame.number, frame.len, frame.cap_len, frame.time,
// frame.time_epoch, frame.time_relative and frame.protocols. ip.addr, ipv6.addr, eth.addr, tcp.port, udp.port and
// sctp.port are those of both ends. A protocol is a name too: dns, tcp, vlan; data is what no decoder knows. Names
// returns all.
//
// A packet can have a field several times: both ends, one IP header in another, the packet that an ICMP error quotes,
// the records of a DNS message. The name alone tells whether it has it at all, also where it is a flag that is not set.
// A comparison holds where any of the values fits. So
//
//	ip.addr == 192.0.2.1    one of the addresses is this one
//	ip.addr != 192.0.2.1    there are addresses, and none of them is this one
//	ip.addr ~= 192.0.2.1    one of the addresses is another one; also written !==
//	ip.addr === 192.0.2.1   there are addresses, and all of them are this one
//	all tcp.port > 1023     there are ports, and all of them are above
//	any tcp.port != 80      as ~=: any and all say it in front of any comparison
//
// No comparison holds of a packet that does not have the field, but what is behind not does.
//
// # Values
//
// Numbers are compared with numbers in decimal, hexadecimal (0x1f), octal (017) or binary (0b11), or with a character
// ('G'). Where a value has a name, the name in quotes means that value: dns.qry.type == "AAAA". Flags are 1 or 0, or
// true or false. States of checksums are good, bad, unverified, offloaded, zero and none, or Wireshark's numbers for
// the first three: 1, 0 and 2. Addresses are compared with addresses or with networks (192.0.2.0/24), hardware
// addresses and other bytes with bytes (00:00:5e, 00-00-5e or 0000.5e00.5301) or with text, text with text in quotes
// ("a \"b\" \x00", or r"as it stands") or, where it is one word and no number, without. Times are seconds, since 1970
// or since another packet, or for frame.time "2026-01-02 03:04:05.678", local time or with Z.
//
//	==  eq    !=  ne    <  lt    <=  le    >  gt    >=  ge    ===    ~=  !==
//	contains           bytes or text that are somewhere in it; of a protocol, from its header on
//	matches  ~         a regular expression of package regexp, in which upper and lower case are the same
//	in {1, 5..9}       one of values and ranges; not in
//	&                  some bits of a number: tcp.flags & 0x12 == 2; alone it holds where one of them is set
//	[offset:length] [first-last] [index] [:length] [offset:]   a part of bytes, text or a protocol; below 0 from the end
//	len(f)  count(f)   the bytes of a value; how many values there are
//	lower(f)  upper(f) a text with its letters changed
//	string(f)          a number or an address as text
//
// not (!) binds closest, then and (&&), then or (||).
//
// What it does not have of Wireshark's: arithmetic, the layer operator #, max, min and abs, and names of hosts and
// ports. What Wireshark refuses: names of values for all numbers that have one.
package where
