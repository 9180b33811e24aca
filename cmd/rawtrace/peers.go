package main

// elsewhere are flags of traceroute, mtr, tracepath, trippy, paris-traceroute, dublin-traceroute and scamper, and what
// they are here.
var elsewhere = map[string]string{
	// traceroute
	"N": "all hops are probed at once; --rate bounds how fast", "sim-queries": "all hops are probed at once; --rate bounds how fast",
	"z": "traceroute's -z, a time between probes, is --rate; mtr's -z is --asn FILE", "sendwait": "it is --rate",
	"e": "extensions of ICMP, such as MPLS labels, are always shown", "extensions": "extensions of ICMP, such as MPLS labels, are always shown",
	"A": "it is --asn FILE, a local file: nothing is looked up over the network", "as-path-lookups": "it is --asn FILE, a local file",
	"M": "methods are flags of their own: --udp, --icmp, --tcp, --dccp, --sctp", "module": "methods are flags of their own: --udp, --icmp, --tcp, --dccp, --sctp",
	"P": "protocols are flags of their own: --udp, --icmp, --tcp, --dccp, --sctp; mtr's -P is -p", "F": "probes are never fragmented on the way; mtr's -F is --file; --mtu finds what fits",
	"dont-fragment": "probes are never fragmented on the way; --mtu finds what fits", "g": "source routes are refused nearly everywhere: they are rawsend's", "gateway": "source routes are refused nearly everywhere: they are rawsend's",
	"r": "rawtrace follows the routes of the system; mtr's -r, a report, is -c N", "back": "a guess at the way back is always shown where it differs; --far measures it", "tries": "it is --probes", "queries": "it is --probes",
	"first-hop": "it is --first", "fwmark": "give the mark by a rule: rawtrace sets none", "O": "options of methods are flags here: see --help",
	"UL": "UDP-Lite is rawsend's: rawsend 'ip{dst=HOST, ttl=1..30, proto=136} / …'", "src-addr": "it is --source", "maxhops": "it is --max-hops",
	// mtr
	"report": "it is --watch -c N, whose end is a table", "report-wide": "it is --watch -c N: names are not cut", "report-cycles": "it is --count", "b": "names and addresses are both shown with --names",
	"show-ips": "names and addresses are both shown with --names", "no-dns": "nothing is looked up without --names", "aslookup": "it is --asn FILE", "y": "it is --asn FILE or --city FILE", "ipinfo": "it is --asn FILE or --city FILE",
	"j": "it is --json", "x": "XML is not written: --json", "xml": "XML is not written: --json", "C": "CSV is not written: --json", "csv": "CSV is not written: --json", "raw": "it is --json", "split": "it is --json",
	"u": "it is -U, --udp, the default", "S": "mtr's -S is --sctp", "L": "it is --sport", "localport": "it is --sport", "a": "mtr's -a is -s, --source; paris-traceroute's -a mda is --paths", "address": "it is --source",
	"Q": "it is -t, --tos, or --dscp", "Z": "it is -w, --wait", "timeout": "it is --wait", "G": "it is -w, --wait", "gracetime": "it is --wait", "B": "payloads are proofs of their own; dublin-traceroute's -B is always so", "bitpattern": "payloads are proofs of their own",
	"o": "the columns of --watch are ordered by the key o", "order": "the columns of --watch are ordered by the key o", "displaymode": "--watch has one", "curses": "it is --watch", "gtk": "it is --watch", "max-unknown": "silent hops cost no time here; --max-hops bounds them",
	"max-ttl": "it is --max-hops", "first-ttl": "it is --first", "psize": "it is --size", "filename": "it is --file", "interface": "it is --device", "mpls": "MPLS labels are always shown", "mark": "give the mark by a rule: rawtrace sets none", "cache": "the path is probed anew in each round",
	// tracepath, paris-traceroute, dublin-traceroute, trippy, scamper
	"algo": "Paris is the default; --paths is MDA", "H": "it is --confidence with --paths", "npaths": "--paths stops by itself: see --confidence", "dport": "it is --port", "output-file": "redirect --json, or --dot", "broken-nat": "NATs are told from each answer's quote",
	"delay": "it is --rate", "mode": "it is --json, --dot or --metrics", "multipath-strategy": "Paris is the default; --paths finds every branch", "R": "Paris is the default; --paths finds every branch", "target-port": "it is --port", "source-port": "it is --sport",
	"read-timeout": "it is --wait", "grace-duration": "it is --wait", "min-round-duration": "it is --interval", "max-round-duration": "it is --interval", "report-cycle": "it is --count", "packet-size": "it is --size", "source-address": "it is --source",
	"dns-resolve-method": "it is --names", "geoip-mmdb-file": "it is --city FILE", "tui-refresh-rate": "--watch draws a few times a second", "protocol": "protocols are flags of their own: --udp, --icmp, --tcp, --dccp, --sctp",
	// These mean something else here; it is said where their value does not fit.
	"s": "here -s is --source, an address; mtr's -s, the bytes of a packet, is --size",
	"i": "here -i is --device; mtr's -i, the time between rounds, is --interval",
	"l": "here -l is --flow-label; tracepath's -l, the bytes of a packet, is --size",
	"t": "here -t is --tos; mtr's -t is --watch",
	"n": "here -n is --numeric; paris-traceroute's -n takes no value either",
	"c": "here -c is --count, rounds of --watch",
}
