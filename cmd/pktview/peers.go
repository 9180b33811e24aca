package main

// elsewhere are flags of tcpdump, tshark, editcap, capinfos and ngrep, and what they are here.
var elsewhere = map[string]string{
	"Y": "tshark's -Y is the EXPRESSION here, in the language of pcap-filter(7): pktview -r FILE tcp port 80; for tcp.analysis and tcp.stream it is --flow: --flow flow.retransmission, --flow 'flow.stream == 3'", "f": "tshark's -f is the EXPRESSION here: pktview -i eth0 tcp port 80",
	"R": "tshark's -R is the EXPRESSION here", "T": "tshark's -T json is --json, -T fields is --fields; tcpdump's -T rtp is --decode PORT=rtp", "a": "tshark's -a duration:N is --duration, -a packets:N is -c",
	"b": "tshark's -b is -C SIZE, -G TIME and -W N", "z": "tshark's -z follow,tcp,ascii,0 is --follow 0, -z conv,tcp is --streams, -z expert is --flow flow.verdict, others are --stats; tcpdump's -z has no place here: packed files are made by their name, -w FILE.pcapng.zst",
	"V": "tshark's -V is -v", "O": "every layer is shown with -v", "P": "tshark's -P is --print", "o": "tshark's preferences are not here; --decode names ports; tcpflow's -o DIR is --extract DIR, or --follow N --follow-as raw > FILE", "2": "one pass is enough",
	"N": "tcpdump's -N has no place here; tshark's -N is --resolve", "I": "monitor mode is set with iw; what the interface gives is captured", "j": "times are the kernel's; --device-time takes those of the device",
	"J": "times are the kernel's, or those of the device with --device-time", "L": "--explain says which link type an expression is read for; -D lists interfaces", "E": "keys are not taken",
	"M": "keys are not taken", "H": "mesh headers are not read", "u": "NFS is not read", "relinquish-privileges": "rights are given up always",
	"list-data-link-types": "-D lists interfaces", "count": "it is -c", "lengths": "lengths are always shown", "micro": "it is the default; --nano shows nanoseconds", "monitor-mode": "monitor mode is set with iw",
	"time-stamp-type": "--device-time takes the stamps of the device", "time-stamp-precision": "it is --nano; files keep nanoseconds", "display-filter": "it is --where; the EXPRESSION is in the language of pcap-filter(7)",
	"capture-filter": "it is the EXPRESSION", "export-objects": "tshark's --export-objects http,DIR is --extract DIR", "autostop": "it is --duration, or -c", "ring-buffer": "it is -C SIZE, -G TIME and -W N",
	"snapshot-length": "it is --snaplen", "ip": "an expression names protocols: pktview ip", "skip": "editcap's --skip is --packets",
	// These mean something else here; it is said where their value does not fit.
	"c": "here -c N ends after N packets, as tcpdump's and tshark's does",
	"s": "here -s is --snaplen, as tcpdump's and tshark's",
	"W": "here -W keeps N files; ngrep's -W byline is --follow EXPRESSION",
	"t": "here -t is given once to five times, as tcpdump has it: tshark's -t ad is -tttt, -t e is -tt",
}
