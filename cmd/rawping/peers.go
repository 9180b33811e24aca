package main

// elsewhere are flags of ping, fping, hping3 and nping, and what they are here.
var elsewhere = map[string]string{
	"u": "fping's -u is --unreachable", "unreach": "it is --unreachable", "C": "fping's -C N is -c N --live", "vcount": "it is --count N --live", "e": "fping's -e is always shown",
	"elapsed": "round-trip times are always shown", "d": "names are shown as they were given", "H": "fping's -H is -t, --ttl", "N": "fping's -N is --json", "netdata": "it is --json, or --metrics",
	"o": "fping's -o is -O, --overdue", "outage": "it is --overdue", "x": "one answer is --alive, the count is in the summary", "reachable": "the summary counts the hosts that answer",
	"X": "it is --alive -q", "E": "it is --quiet with --loop", "k": "fping's -k is -m, --mark", "fwmark": "it is --mark", "period": "it is --interval", "addr": "targets are shown by the name that was given; -n shows addresses",
	"src": "it is --from", "iface": "it is --from DEVICE", "random": "payloads are proofs of their own; -p fills the rest", "squiet": "it is --quiet with --loop", "dontfrag": "it is -M do",
	"check-source": "an answer from another address is always shown as that", "P": "nping's and hping3's choices of protocol are rawsend's", "V": "it is --version", "3": "timestamps of the kernel need no mode",
	"tcp": "TCP probes are rawsend's: rawsend 'ip{dst=HOST} / tcp{dport=80, flags=S}'", "udp": "UDP probes are rawsend's: rawsend 'ip{dst=HOST} / udp{dport=33434}'",
	"icmp": "rawping sends ICMP always", "1": "rawping sends ICMP always", "traceroute": "a path is rawsend's: rawsend 'ip{dst=HOST, ttl=1..30} / icmp'", "delay": "it is --interval",
	"data-length": "it is --size", "data": "it is --size, or --pattern HEX", "fast": "hping3's --fast is --interval 100ms", "faster": "it is --interval 2ms",
	"count-only": "it is --quiet", "all": "every address of a name is not pinged: give each",
	// These mean something else here; it is said where their value does not fit.
	"p": "here -p is --pattern, bytes of the payload; fping's -p, the time between echoes to one host, is --interval",
	"l": "here -l is --preload, a count; fping's -l is --loop",
	"S": "here -S is --send-buffer; fping's -S, the source address, is -I ADDR",
	"M": "here -M needs a word; fping's -M is -M do",
	"i": "here -i is --interval, a time; an interface is -I",
	"s": "here -s is --size; fping's -s, the summary, is always shown",
	"t": "here -t is --ttl; fping's -t, how long an answer is waited for, is --timeout",
}
