package decode_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
)

// understood are the protocols that tshark keeps enabled beside those that have their names from us, so that it decodes
// what we do and no more.
var understood = `frame eth ethertype vlan ieee8021ad arp rarp sll ip ipv6 ipv6.hopopts ipv6.dstopts ipv6.routing ipv6.routing.type0
ipv6.routing.mipv6 ipv6.routing.srh ipv6.fraghdr mipv6 ah esp icmp icmpv6 igmp tcp mptcp udp udplite sctp dccp gre vxlan geneve vrrp ospf pim
mpls ppp ppp_hdlc chdlc pppoe pppoed pppoes llc stp lldp null loop raw rawip wlan radiotap wlan_radio udpencap data data-text-lines pkt_comment
dns mdns llmnr dhcp dhcpv6 ntp http tls quic tftp syslog snmp stun bgp radius rip ripng bfd hsrp ldp
arcnet fr juniper ipnet nflog ipoib pktap pcap_pktdata vsock mtp2 mstp ppi wpan atm slarp user_dlt clip usb hci_h4 can
pflog prism wlancap tr fddi ipfc llap enc netanalyzer bluetooth hci_h1
file-pcap file-pcapng _ws.expert _ws.malformed _ws.short`

// oracle runs tshark on frames of one link type and returns for each frame the values of each key.
func oracle(t *testing.T, dir string, frames []capture.Frame, keys []string) [][][]string {
	t.Helper()
	rows, err := askTshark(t, dir, frames, keys)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// askTshark is oracle for link types that tshark may not know.
func askTshark(t *testing.T, dir string, frames []capture.Frame, keys []string) ([][][]string, error) {
	t.Helper()
	file := filepath.Join(dir, fmt.Sprintf("%d.pcap", frames[0].Link))
	var b []byte
	b = binary.LittleEndian.AppendUint32(b, 0xa1b23c4d)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, 262144)
	b = binary.LittleEndian.AppendUint32(b, uint32(frames[0].Link))
	for _, f := range frames {
		b = binary.LittleEndian.AppendUint32(b, uint32(f.Time.Unix()))
		b = binary.LittleEndian.AppendUint32(b, uint32(f.Time.Nanosecond()))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(f.Data)))
		b = binary.LittleEndian.AppendUint32(b, uint32(f.Length))
		b = append(b, f.Data...)
	}
	if err := os.WriteFile(file, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return ask(t, dir, file, len(frames), keys)
}

// ask runs tshark on a file of n frames.
func ask(t *testing.T, dir, file string, n int, keys []string) ([][][]string, error) {
	t.Helper()
	args := []string{"-d", "udp.port==8472,vxlan", "-d", "tcp.port==27017,mongo", "-d", "udp.port==30490,someip", "-d", "udp.port==12201,gelf",
		"-n", "-r", file, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=\x1f"}
	for _, o := range []string{
		"ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE", "ip.defragment:FALSE",
		"ipv6.defragment:FALSE", "tcp.analyze_sequence_numbers:FALSE", "tcp.desegment_tcp_streams:FALSE",
		"sctp.checksum:automatic", "ip.use_geoip:FALSE", "ipv6.use_geoip:FALSE",
	} {
		args = append(args, "-o", o)
	}
	for _, k := range keys {
		args = append(args, "-e", k)
	}
	cmd := exec.Command("tshark", args...)
	cmd.Env = append(os.Environ(), "WIRESHARK_CONFIG_DIR="+dir, "HOME="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("tshark: %w\n%s", err, stderr.Bytes())
	}
	var rows [][][]string
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var row [][]string
		for _, cell := range strings.Split(lines.Text(), "\t") {
			var values []string
			if cell != "" {
				values = strings.Split(cell, "\x1f")
			}
			row = append(row, values)
		}
		rows = append(rows, row)
	}
	if len(rows) != n {
		return nil, fmt.Errorf("tshark has %d rows for %d frames", len(rows), n)
	}
	return rows, nil
}

// judge prepares a tshark configuration that only knows what we decode, and returns its directory and the keys
// that tshark has.
func judge(t *testing.T) (string, map[string]string) {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal("tshark is required: ", err)
		}
		t.Skip("tshark is not installed")
	}
	dir := t.TempDir()
	keep := strings.Fields(understood)
	for _, t := range decode.AllTypes() {
		keep = append(keep, t.String())
	}
	var disabled []string
	for line := range strings.Lines(tsharkReport(t, "protocols")) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) >= 3 && !slices.Contains(keep, f[2]) && !strings.HasPrefix(f[2], "tcp.") && !strings.HasPrefix(f[2], "ip.") {
			disabled = append(disabled, f[2])
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "disabled_protos"), []byte(strings.Join(disabled, "\n")+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	kinds := make(map[string]string)
	for line := range strings.Lines(tsharkReport(t, "fields")) {
		if f := strings.Split(line, "\t"); f[0] == "F" && len(f) > 3 {
			kinds[f[2]] = f[3]
		}
	}
	return dir, kinds
}

func tsharkReport(t *testing.T, what string) string {
	out, err := exec.Command("tshark", "-G", what).Output()
	if err != nil {
		t.Fatalf("tshark -G %s: %v", what, err)
	}
	return string(out)
}

// linkTypes are those that TestAgainstTshark judges.
var linkTypes = []capture.LinkType{
	capture.LinkEthernet, capture.LinkRaw, capture.LinkIPv4, capture.LinkIPv6, capture.LinkLinuxSLL, capture.LinkLinuxSLL2,
	capture.LinkNull, capture.LinkLoop, capture.LinkPPP, capture.LinkPPPHDLC, capture.LinkPPPEthernet, capture.LinkIEEE80211,
	capture.LinkIEEE80211Radio, capture.LinkATM, capture.LinkCHDLC, capture.LinkATMCLIP, capture.LinkFrameRelay,
	capture.LinkSunATM, capture.LinkARCNETLinux, capture.LinkJuniperATM1, capture.LinkMTP2, capture.LinkUser2,
	capture.LinkMSTP, capture.LinkJuniperEther, capture.LinkPPI, capture.LinkIEEE802154, capture.LinkIPNet,
	capture.LinkNFLOG, capture.LinkIPoIB, capture.LinkPKTAP, capture.LinkVSOCK,
}

func TestAgainstTshark(t *testing.T) {
	dir, kinds := judge(t)
	files := decode.CorpusFiles(t)
	if len(files) == 0 {
		t.Skip("no captures at ../shared/corpus beside the checkout")
	}
	var keys []string
	for _, d := range decode.Definitions() {
		if _, ok := kinds[d.Key]; ok && d.Kind != decode.KindGroup && !slices.Contains(keys, d.Key) {
			keys = append(keys, d.Key)
		} else if !ok && !ours[d.Key] {
			t.Errorf("%s is no field of tshark", d.Key)
		}
	}
	type source struct {
		file   string
		number int
	}
	compared, differ, allowed, seen := 0, 0, map[string]int{}, map[string]int{}
	for _, link := range linkTypes {
		var frames []capture.Frame
		var from []source
		for _, f := range files {
			for i, frame := range decode.ReadFrames(t, f) {
				if frame.Link == link && len(frame.Data) > 0 {
					frames, from = append(frames, frame), append(from, source{filepath.Base(f), i + 1})
				}
			}
		}
		if len(frames) == 0 {
			continue
		}
		rows := oracle(t, dir, frames, keys)
		var d decode.Decoder
		var p decode.Packet
		var fields []decode.Field
		for i, frame := range frames {
			d.Decode(frame, &p)
			mine := make(map[string][]string)
			for l := range p.Layers() {
				fields = fieldsOf(fields[:0], &p, l)
				for k := range fields {
					mine[fields[k].Key] = append(mine[fields[k].Key], forTshark(&fields[k]))
				}
			}
			for k, key := range keys {
				theirs := rows[i][k]
				for v := range theirs {
					theirs[v] = fromTshark(key, kinds[key], theirs[v])
				}
				n := max(len(theirs), len(mine[key]))
				compared += n
				if slices.Equal(theirs, mine[key]) {
					continue
				}
				if why := allow(from[i].file, key, &p, mine[key], theirs); why != "" {
					allowed[why]++
					continue
				}
				differ++
				if seen[key]++; seen[key] <= 3 {
					t.Errorf("%s packet %d %s: ours %q, tshark's %q (%v)", from[i].file, from[i].number, key, mine[key], theirs, p.Err())
				}
			}
		}
	}
	for why, n := range allowed {
		t.Logf("%5d times: %s", n, why)
	}
	t.Logf("%d fields compared, %d differ without being listed", compared, differ)
}

// fieldsOf returns the fields of a layer, also of an application.
func fieldsOf(dst []decode.Field, p *decode.Packet, i int) []decode.Field {
	if p.Layers()[i].Type >= decode.TypeDNS {
		return app.Renderer{}.AppendFields(dst, p, i)
	}
	return p.AppendFields(dst, i)
}

// forTshark gives a value as fromTshark does.
func forTshark(f *decode.Field) string {
	switch f.Kind {
	case decode.KindUint, decode.KindHex, decode.KindBool:
		if f.Key == "wpan.dst64" || f.Key == "wpan.src64" {
			return fmt.Sprintf("%016x", f.Number)
		}
		switch f.Key {
		case "stp.msg_age", "stp.max_age", "stp.hello", "stp.forward": // which tshark gives in seconds
			return strconv.FormatFloat(float64(f.Number)/256, 'f', -1, 64)
		}
		if f.Key == "dhcpv6.iaid" || f.Key == "dhcpv6.iata" { // which tshark gives as the text of a hexadecimal number
			return fmt.Sprintf("%08x", f.Number)
		}
		if f.Key == "ip.frag_offset" { // which tshark 4.0 leaves in units of 8 bytes
			return strconv.FormatUint(f.Number/8, 10)
		}
		return strconv.FormatUint(f.Number, 10)
	case decode.KindState:
		return f.Note
	case decode.KindText:
		if strings.HasPrefix(f.Key, "dns.") && string(f.Bytes) == "." {
			return "<Root>"
		}
		return string(decode.AppendEscaped(nil, f.Bytes))
	case decode.KindIP:
		return string(decode.AppendAddr(nil, f.Bytes))
	case decode.KindMAC, decode.KindBytes:
		return hex.EncodeToString(f.Bytes)
	}
	return string(f.Bytes)
}

// fromTshark brings a value to one form: numbers decimal, bytes as hexadecimal digits.
func fromTshark(key, kind, v string) string {
	if strings.HasSuffix(key, ".status") {
		switch v {
		case "0":
			return "bad"
		case "1":
			return "good"
		case "2":
			return "unverified"
		case "3":
			return "zero"
		}
		return v
	}
	if key == "dhcpv6.iaid" || key == "dhcpv6.iata" {
		return v
	}
	switch kind {
	case "FT_BYTES", "FT_ETHER", "FT_EUI64", "FT_FCWWN":
		return strings.ReplaceAll(v, ":", "")
	case "FT_IPv4", "FT_IPv6":
		if a, err := netip.ParseAddr(v); err == nil {
			return a.String()
		}
	case "FT_CHAR":
		if r, _, _, err := strconv.UnquoteChar(strings.ReplaceAll(strings.Trim(v, "'"), `\0`, `\x00`), '\''); err == nil {
			return strconv.Itoa(int(r))
		}
	case "FT_INT32":
		if n, err := strconv.ParseInt(v, 10, 32); err == nil {
			return strconv.FormatUint(uint64(uint32(n)), 10)
		}
	case "FT_BOOLEAN":
		switch v {
		case "True":
			return "1"
		case "False":
			return "0"
		}
	}
	if n, err := strconv.ParseUint(v, 0, 64); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return v
}

// ours are keys of fields that tshark has no name for, or none on its own.
var ours = map[string]bool{
	"icmp.mpls": true, "icmpv6.body": true, "icmpv6.opt.data": true, "icmpv6.opt.route_prefix": true, "ip.options": true,
	"ip.opt.route": true, "ip.opt.entry": true, "ip.opt.data": true, "ipv6.opt.data": true, "tcp.options.sack": true,
	"tcp.options.data": true, "ieee8021ad.etype": true, "lldp.tlv": true, "lldp.chassis.id.text": true, "lldp.data": true,
	"igmp.record": true, "ospf.checksum.status": true, "sctp.chunk": true, "geneve.opt": true, "geneve.option.data": true,
	"dhcp.options": true, "dhcp.option.data": true, "dhcpv6.options": true, "dhcpv6.search_list": true, "dhcpv6.option.value": true,
	"dns.message": true, "quic.server_name": true, "quic.application_protocol": true, "quic.packet": true,
	"dns.queries": true, "dns.answers": true, "dns.authorities": true, "dns.additionals": true, "dns.rdata": true, "dns.rdata_text": true,
	"ntp.reference_timestamp": true, "ntp.origin_timestamp": true, "ntp.receive_timestamp": true, "ntp.transmit_timestamp": true,
	"ntp.root_delay": true, "ntp.root_dispersion": true, "stun.att.text": true,
	"tls.certificate.subject": true, "tls.certificate.issuer": true, "tls.certificate.serial_number": true, "tls.certificate.not_before": true,
	"tls.certificate.not_after": true, "tls.certificate.dns_name": true, "tls.certificate.ip_address": true,
	"tls.certificate.key_algorithm": true, "tls.certificate.signature_algorithm": true, // tshark has them deep in the tree of X.509
	"dsa.mode": true, "dsa.tagged": true, "dsa.dev": true, "dsa.port": true, "dsa.trunk": true, "dsa.priority": true, "dsa.vid": true,
	"edsa.etype": true, "edsa.reserved": true, "brcm_tag.opcode": true, "brcm_tag.cid": true, "brcm_tag.reason_code": true,
	"brcm_tag.tc": true, "brcm_tag.port": true, "brcm_tag.te": true, "brcm_tag.ts": true, "brcm_tag.dst_map": true,
	"ieee1394.dst": true, "ieee1394.src": true, "ieee1394.type": true, "netanalyzer.header": true,
	"slip.direction": true, "slip.compressed": true, "mtp2.phdr.sent": true, "mtp2.phdr.annex_a": true, "mtp2.phdr.link": true, "sunatm.traffic_type": true,
	"sunatm.sent": true, "symantec.type": true, "enc.af": true, "enc.spi": true, "enc.flags": true,
	"layer.more": true, "radiotap.rate": true, "radiotap.signal": true, "radiotap.noise": true,
}

// A strangeFile is one on which tshark and we may differ in the keys that start so, with the reason.
type strangeFile struct{ file, key, why string }

// judgeAlso adds to what is known of tshark, from the files of groups of protocols: names of protocols that it has others
// for, keys that it does not have, and where it differs.
func judgeAlso(names string, keys []string, differs ...strangeFile) bool {
	understood += " " + names
	for _, k := range keys {
		ours[k] = true
	}
	strange = append(strange, differs...)
	return true
}

// strange are files on which tshark and we may differ in the keys that start so, with the reason.
var strange = []strangeFile{
	{"DTP.pcap", "", "Cisco ISL frames are not decoded as such"},
	{"bigtcp-", "", "tshark 4.0 does not know packets of more than 65,535 bytes that no length field tells"},
	{"arp-oobr.pcap", "arp.", "tshark takes the ATM hardware type to mean ATMARP's own layout, also with 6-byte addresses"},
	{"icmp_ext_oob_poc", "icmp.", "tshark reads past the end of an ICMP extension object"},
	{"ipv6_jumbogram_", "icmpv6.checksum.status", "tshark verifies the checksum over fewer bytes than the jumbo payload length claims"},
	{"bgp-bgp_capabilities", "tcp.len", "tshark has no tcp.len where the frame ends before the segment"},
	{"rpki-rtr-oobr", "tcp.len", "tshark has no tcp.len where the frame ends before the segment"},
	{"bgp_pmsi_tunnel", "tcp.len", "tshark has no tcp.len where the frame ends before the segment"},
	{"lisp_invalid_length", "udp.checksum.status", "tshark leaves the checksum be where the IP packet ends before the frame does"},
	{"mptcp-dss-oobr", "tcp.option", "tshark stops at a malformed MPTCP option"},
	{"extract_read2", "ip.opt.", "tshark gives no key to the type of an unknown IPv4 option"},
	{"ipv6-too-long-jumbo", "ipv6.opt.", "tshark stops before the last option of this hop-by-hop header"},
	{"dccp_options-oobr", "dccp.seq_raw", "tshark shows no sequence number where the data offset is wrong"},
	{"esp_truncated", "vxlan.", "tshark is told that port 8472 is VXLAN, we also ask for VXLAN's flags"},
	{"hoobr_safeputs", "lldp.", "tshark stops where LLDP does not start with a chassis ID"},
	{"lldp_8021_linkagg", "lldp.", "tshark stops where LLDP does not start with a chassis ID"},
	{"lldp_8023_mtu-oobr", "lldp.", "tshark stops inside an LLDP TLV that is too short"},
	{"mobility_opt_asan", "mip6.", "the mobility header stands in IPv4, where it has no place"},
	{"pim-packet-assortment", "pim.cksum.status", "tshark takes what a PIM register carries into its checksum, against RFC 7761 section 4.9.3"},
	{"ipv6_missing_", "ipv6.", "we take a frame of more than 65,575 bytes with payload length 0 for a super-packet"},
	{"dns-badlabel", "dns.", "tshark goes on behind a name that cannot be"},
	{"dns_fwdptr", "dns.", "tshark goes on behind a name that cannot be"},
	{"someip1", "dns.", "tshark goes on behind a name that cannot be"},
	{"dns_tcp_8053", "dns.", "tshark is not told of DNS on port 8053"},
	{"icmp-cksum-oobr-", "icmp.checksum.status", "tshark verifies what there is where the IP length exceeds the frame"},
	{"nfs-write-verf-cookie", "tls.", "tshark finds SSL 2.0 in NFS"},
	{"test012", "dhcp.", "tshark gets all files as one and takes the server's ports for those of another conversation there"},
	{"nbns-valgrind", "dns.", "tshark takes NetBIOS names for DNS when its own dissector for them is off"},
	{"eapon1", "dns.", "tshark takes NetBIOS names for DNS when its own dissector for them is off"},
	{"ntp-mode7", "ntp.", "tshark shows the peers inside of private messages"},
	{"tftp.pcap", "tftp.", "tshark follows a transfer to the ports that it moves to"},
	{"tftp-heapoverflow", "tftp.", "tshark gives up where the length is wrong"},
	{"zephyr-oobr", "syslog.", "tshark reads a priority without its bracket"},
	{"lldp_asan", "lldp.", "tshark stops inside an LLDP TLV that is too short"},
	{"lldp_mgmt_addr_tlv", "lldp.", "tshark stops where LLDP does not start with a chassis ID"},
	{"ipv6-mobility-header-oobr", "mip6.", "the mobility header stands in IPv4, where it has no place"},
	{"ppp_", "ppp.", "tshark takes any first byte ff for an address, we only ff 03 for address and control"},
	{"isis_sysid_asan", "fr.", "tshark takes what is not unnumbered information for an information frame where no type fits"},
	{"frf15-heapoverflow", "fr.", "tshark shows no type of Cisco's that it does not know"},
	{"esis_snpa_asan", "fr.", "tshark takes what is not unnumbered information for an information frame where no type fits"},
	{"isis_stlv_asan", "fr.", "tshark takes what is not unnumbered information for an information frame where no type fits"},
	{"q933-heapoverflow-2", "", "tshark takes what has no type that it knows for Ethernet"},
	{"calm-fast-mac-lookup", "fr.", "tshark shows no type of Cisco's that it does not know"},
	{"heap-overflow-2", "ip.", "tshark takes a version of 3 for IPv4"},
	{"ARCNET, a later part", "ip.", "tshark takes a later part for a packet"},
	{"Frame Relay", "fr.nlpid", "tshark shows the padding before the identifier too"},
	{"Juniper PPP", "ppp.", "tshark skips the address and the control"},
	{"Token Ring, MAC frame", "tr.src", "tshark shows the address of a MAC frame twice"},
	{"FDDI", "fddi.", "tshark turns the bits of the addresses around, whatever wrote the file"},
	{"SunATM, LANE", "", "tshark wants to be told what a circuit of LANE carries"},
	{"nflog, big-endian", "", "tshark 4.0 does not guess the byte order"},
	{"Bluetooth", "hci_h4.direction", "tshark shows the direction that is not known too"},
	{"netANALYZER", "", "tshark wants a version in a header that is documented as reserved"},
	{"icmp-rfc5837", "icmp.int_info.name", "tshark shows no name of 64 bytes"},
}

// allow returns why a difference is right, or "".
func allow(file, key string, p *decode.Packet, mine, theirs []string) string {
	for _, s := range strange {
		if strings.HasPrefix(file, s.file) && strings.HasPrefix(key, s.key) {
			return s.file + " " + s.key + ": " + s.why
		}
	}
	switch key {
	case "ip.version":
		if slices.Equal(mine, slices.DeleteFunc(slices.Clone(theirs), func(v string) bool { return v == "6" })) {
			return "tshark gives the version of IPv6 under this key too"
		}
	case "tcp.flags.ae", "tcp.flags.cwr", "tcp.flags.ece":
		if len(theirs) == 0 {
			return "tshark shows the three bits as one field on connections with accurate ECN"
		}
	case "tcp.option_kind", "ip.opt.type":
		if n := len(mine); n > 0 && n < len(theirs) && mine[n-1] == "0" && slices.Equal(mine, theirs[:n]) {
			return "tshark goes on with the padding behind the end of options"
		}
	case "ip.len":
		if slices.Contains(mine, "0") {
			return "tshark shows the length of the frame for the total length of a super-packet, which is 0"
		}
	case "tcp.options.mptcp.checksum":
		if len(theirs) == 0 {
			return "tshark 4.0 leaves out the checksum of a data sequence signal"
		}
	case "dhcp.option.type":
		if isPrefix(mine, theirs) && strings.Trim(strings.Join(theirs[len(mine):], ""), "0") == "" {
			return "tshark shows padding as options of type 0"
		}
	case "dns.flags.authoritative", "dns.flags.recavail", "dns.flags.rcode", "dns.flags.authenticated":
		if len(theirs) == 0 {
			return "tshark leaves out the flags that only answers use"
		}
	case "geneve.option.length":
		if len(theirs) > 0 && slices.Equal(mine, theirs[1:]) {
			return "tshark gives the length of all options under this key too"
		}
	case "igmp.max_resp":
		return "tshark shows the time that a max resp code stands for"
	case "icmpv6.opt.prefix":
		if len(mine) < len(theirs) {
			return "tshark fills up the prefix of a route information option"
		}
	case "sll.etype":
		if i := p.Find(decode.TypeSLL); len(theirs) == 0 && i >= 0 && p.SLL(i).Hardware() == 778 {
			return "tshark has another name for the protocol behind a GRE device"
		}
	}
	if strings.HasSuffix(key, ".status") && len(mine) == len(theirs) {
		for i := range mine {
			switch {
			case mine[i] == "offloaded" && theirs[i] == "bad":
				return "tshark does not tell a checksum left to the device from a bad one"
			case mine[i] == "good" && theirs[i] == "unverified" && i > 0:
				return "tshark does not verify the checksum of a quoted ICMP message"
			case mine[i] == "unverified" && theirs[i] == "bad":
				return "tshark calls the checksum of a quoted header bad, which routers change"
			}
		}
	}
	if i := p.Find(decode.TypeIGMP); i >= 0 {
		switch t := p.IGMP(i).Type(); {
		case t == 0x14:
			return "tshark takes a PIM message of version 1 for PIM, we for what it is in, IGMP"
		case len(theirs) == 0 && (t == 0x13 || decode.IGMPName(uint64(t)) == ""):
			return "tshark does not show the checksum of IGMP types it does not know"
		}
	}
	if strings.HasPrefix(key, "stp.flags.") && isPrefix(mine, theirs) {
		return "tshark shows the flags of each spanning tree instance under this key too"
	}
	if strings.HasPrefix(key, "radiotap.") && isPrefix(mine, theirs) {
		return "tshark also shows the fields of further present words"
	}
	if p.Find(decode.TypeQUIC) >= 0 && strings.HasPrefix(key, "tls.") {
		return "tshark decrypts the first packets of QUIC"
	}
	if p.Find(decode.TypeQUIC) < 0 && strings.HasPrefix(key, "quic.") {
		return "tshark knows the short headers of QUIC by the packets before"
	}
	if e := p.Err(); e != nil && isPrefix(mine, theirs) {
		return "tshark also shows the part that is there of a layer that we name as cut or malformed"
	}
	if p.Find(decode.TypeICMPv4) >= 0 || p.Find(decode.TypeICMPv6) >= 0 {
		if isPrefix(mine, theirs) {
			return "tshark also shows the part of a header that the quotation of an ICMP error ends in"
		}
	}
	return ""
}

func isPrefix(short, long []string) bool {
	return len(short) < len(long) && slices.Equal(short, long[:len(short)])
}

// TestLinksAgainstTshark compares the frames that were made here, of the link types that no capture of the corpus has.
func TestLinksAgainstTshark(t *testing.T) {
	dir, kinds := judge(t)
	frames, names := decode.LinkFrames(t)
	var keys []string
	for _, d := range decode.Definitions() {
		if _, ok := kinds[d.Key]; ok && d.Kind != decode.KindGroup {
			keys = append(keys, d.Key)
		}
	}
	unknown := []capture.LinkType{ // to tshark 4.0
		capture.LinkSLIP, capture.LinkDSA, capture.LinkEDSA, capture.LinkDSABroadcom, capture.LinkDSABroadcomFirst,
		capture.LinkJuniperPPPoEATM, capture.LinkMPLS, capture.LinkSymantec, capture.LinkAppleIEEE1394, capture.LinkUser0 + 5,
	}
	var known []capture.Frame
	var ifs []capture.Interface
	for _, frame := range frames {
		if !slices.Contains(unknown, frame.Link) {
			frame.Interface = len(ifs)
			known, ifs = append(known, frame), append(ifs, capture.Interface{Link: frame.Link, Resolution: time.Nanosecond})
		}
	}
	var b bytes.Buffer
	w, err := capture.NewWriter(&b, &capture.WriterConfig{Format: capture.FormatPcapng})
	if err == nil {
		err = w.Describe(ifs)
	}
	for i := range known {
		err = errors.Join(err, w.Write(&known[i]))
	}
	file := filepath.Join(dir, "links.pcapng")
	if err = errors.Join(err, w.Close(), os.WriteFile(file, b.Bytes(), 0o666)); err != nil {
		t.Fatal(err)
	}
	rows, err := ask(t, dir, file, len(known), keys)
	if err != nil {
		t.Fatal(err)
	}
	for i, frame := range frames {
		if slices.Contains(unknown, frame.Link) {
			continue
		}
		row := rows[0]
		rows = rows[1:]
		var d decode.Decoder
		var p decode.Packet
		d.Decode(frame, &p)
		mine := make(map[string][]string)
		var fields []decode.Field
		for l := range p.Layers() {
			fields = fieldsOf(fields[:0], &p, l)
			for k := range fields {
				mine[fields[k].Key] = append(mine[fields[k].Key], forTshark(&fields[k]))
			}
		}
		for k, key := range keys {
			for v := range row[k] {
				row[k][v] = fromTshark(key, kinds[key], row[k][v])
			}
			if !slices.Equal(row[k], mine[key]) && allow(names[i], key, &p, mine[key], row[k]) == "" {
				t.Errorf("%s: %s: ours %q, tshark's %q (%v)", names[i], key, mine[key], row[k], p.Err())
			}
		}
	}
}
