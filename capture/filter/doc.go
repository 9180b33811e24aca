// Package filter compiles the filter language of libpcap, pcap-filter(7), to classic BPF without libpcap,
// runs the programs on captured frames, and explains them.
//
// [Parse] reads an expression, [Filter.Compile] makes a [Program] for a link type. A Program decides on
// frames ([Program.MatchFrame], no allocation), is listed as tcpdump lists it ([Program.AppendListing]), and
// goes to the kernel as instructions ([Program.Raw], [Program.Attach]). A [Trace] takes the conditions that the
// program is made of one by one and says which test decided ([Trace.Why]); [Filter.Explain] says what an expression
// means, which bytes it reads and what in it is likely not meant; [Filter.Contradiction] says which parts of an
// expression that can match nothing exclude each other.
//
// The walk through the package: Parse (lex, parse, ast) → lower (conditions on values, ir) → build and optimize (a
// graph of tests) → assemble (instructions) → Program. Trace and Explain branch off behind lower.
//
// # The language
//
// The meaning is libpcap's, as its version 1.10 compiles it, also where that surprises:
//
//   - "and" and "or" bind equally and to the left: "a or b and c" is "(a or b) and c".
//   - A name without qualifiers takes those before it: "tcp port 80 or 443". A condition in parentheses
//     leaves them as they were before it.
//   - vlan, mpls, pppoes, geneve and vxlan shift what is written after them, to the right of "or" and after
//     "not" too: "vlan or ip" looks for IP behind a VLAN tag even in frames without one.
//   - "port" matches neither fragments but the first nor ports behind IPv6 extension headers; "ip6 proto" and
//     "tcp" look at the first next-header field (and behind a fragment header); "protochain" follows all.
//   - "tcp[...]" and its like read IPv4 only. In "a + tcp[0]" no test is made that there is a TCP header,
//     only for the left operand's.
//   - A load outside the captured bytes rejects the packet, under "not" too; so does a division by zero.
//   - "%" and "^" bind to the nearest operand on their left and to all on their right.
//
// It differs where libpcap 1.10 is wrong or behind, on purpose:
//
//   - "protochain" is written out for 110 headers of IPv6, as the kernel takes no loops, or for 16 where the program
//     would be too large. It goes on behind an authentication header, where libpcap loses the place.
//   - "geneve" and "vxlan" on 802.11, and arithmetic on 802.11 or with geneve, keep the header offsets that
//     libpcap overwrites. An index too large for any packet rejects it in the kernel too, and a shift by
//     more than 31 gives 0 there too.
//   - In files of LINKTYPE_NULL and LINKTYPE_LOOP, IPv6 is known by the numbers of all BSD systems, in both
//     byte orders for NULL.
//   - "ip multicast" is 224.0.0.0/4, "igrp" is protocol 88, IS-IS PDU types have 5 bits, "byte N & M" loads the
//     byte, and "vxlan" exists, all as in libpcap 1.11.
//   - A network's name means the network: its trailing zero bytes are the host part.
//   - Names come from the system's files only, unless Options.Lookup is set. Link types other than
//     Ethernet, raw IP, BSD loopback, Linux cooked, PPP and 802.11 are refused, with their keywords.
//
// # Anywhere
//
// "anywhere: EXPR" (this package's own) takes EXPR at every network header of the frame: the outermost, and
// those inside VLAN and QinQ tags, MPLS, PPPoE, IP in IP, GRE, VXLAN and Geneve, passing IPv6 extension and
// authentication headers by. EXPR must hold at one of them as a whole. It looks at four network headers;
// Explain says what else it cannot reach.
//
// # Live captures
//
// With Options.Live, the outermost VLAN tag is looked for in the kernel's metadata and in the frame, and
// inbound, outbound and ifindex are known. A program attached to a socket that is already receiving lets
// through what was queued before; Program.Attach rejects everything first, drains the queue and then
// attaches. Sockets that take a filter when they are made (Config.Filter) need only Raw.
package filter
