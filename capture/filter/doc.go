// Package filter compiles the filter language of libpcap, pcap-filter(7), to classic BPF without libpcap,
// runs the programs on captured frames, and explains them.
//
// The meaning is libpcap's: "and" and "or" bind equally and to the left; a name without qualifiers takes
// those before it ("port 80 or 443"); vlan, mpls, pppoes, geneve and vxlan shift what is written after
// them, even to the right of "or"; "ip6 proto" looks at the first next-header field only. A load outside
// the captured bytes rejects the packet, under "not" too.
package filter
