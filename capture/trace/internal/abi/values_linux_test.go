package abi

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace/show"

	"sockwire/capture/trace"
)

// words are 32-bit numbers in memory, long ones 64-bit numbers.
func words(all ...uint32) (b []byte) {
	for _, n := range all {
		b = order.AppendUint32(b, n)
	}
	return b
}

func long(all ...uint64) (b []byte) {
	for _, n := range all {
		b = order.AppendUint64(b, n)
	}
	return b
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestOptionValues(t *testing.T) {
	for _, c := range []struct {
		level, name int
		value       []byte
		length      int // 0 for that of value
		want        string
	}{
		{unix.SOL_SOCKET, unix.SO_REUSEADDR, words(1), 0, "1"},
		{unix.SOL_SOCKET, unix.SO_TYPE, words(2), 0, "SOCK_DGRAM"},
		{unix.SOL_SOCKET, unix.SO_DOMAIN, words(10), 0, "AF_INET6"},
		{unix.SOL_SOCKET, unix.SO_PROTOCOL, words(17), 0, "IPPROTO_UDP"},
		{unix.SOL_SOCKET, unix.SO_ERROR, words(111), 0, "ECONNREFUSED"},
		{unix.SOL_SOCKET, unix.SO_ERROR, words(0), 0, "0"},
		{unix.SOL_SOCKET, unix.SO_LINGER, words(1, 10), 0, "{l_onoff=1, l_linger=10}"},
		{unix.SOL_SOCKET, unix.SO_LINGER, words(1), 0, "{l_onoff=1}"},
		{unix.SOL_SOCKET, unix.SO_LINGER, words(1)[:2], 0, "<01 00>"},
		{unix.SOL_SOCKET, unix.SO_RCVTIMEO, long(5, 250000), 0, "{tv_sec=5, tv_usec=250000}"},
		{unix.SOL_SOCKET, unix.SO_SNDTIMEO, long(5), 0, "<05 00 00 00 00 00 00 00>"},
		{unix.SOL_SOCKET, unix.SO_PEERCRED, words(42, 1000, 1<<32-1), 0, "{pid=42, uid=1000, gid=-1}"},
		{unix.SOL_SOCKET, unix.SO_PEERCRED, words(42), 0, "{pid=42}"},
		{unix.SOL_SOCKET, unix.SO_BINDTODEVICE, []byte("lo\x00x"), 0, `"lo"`},
		{unix.SOL_SOCKET, unix.SO_BINDTODEVICE, []byte("\x1b[2J"), 0, `"\x1b[2J"`},
		{unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, long(7, 0x1000), 0, "{len=7}"},
		{unix.SOL_SOCKET, unix.SO_TIMESTAMPING, words(0x98), 0, "SOF_TIMESTAMPING_RX_SOFTWARE|SOF_TIMESTAMPING_SOFTWARE|SOF_TIMESTAMPING_OPT_ID"},
		{unix.SOL_SOCKET, unix.SO_TIMESTAMPING, words(1<<31, 3), 0, "{flags=0x80000000, bind_phc=3}"},
		{unix.SOL_SOCKET, unix.SO_TXTIME, words(11, 2), 0, "{clockid=CLOCK_TAI, flags=SOF_TXTIME_REPORT_ERRORS}"},
		{unix.SOL_SOCKET, unix.SO_COOKIE, long(1 << 40), 0, "1099511627776"},
		{unix.SOL_TCP, unix.TCP_CONGESTION, []byte("reno"), 0, `"reno"`},
		{unix.SOL_TCP, unix.TCP_INFO, append([]byte{1, 0, 2, 0}, words(7, 204000)...), 0, "{tcpi_state=ESTABLISHED, tcpi_ca_state=Open, tcpi_retransmits=2, tcpi_rto=204000}"},
		{unix.SOL_TCP, unix.TCP_INFO, append([]byte{10, 4}, make([]byte, 246)...), 0, "{tcpi_state=LISTEN, tcpi_ca_state=Loss, tcpi_retransmits=0, tcpi_rto=0, tcpi_snd_mss=0, " +
			"tcpi_rcv_mss=0, tcpi_unacked=0, tcpi_sacked=0, tcpi_lost=0, tcpi_retrans=0, tcpi_pmtu=0, tcpi_rtt=0, tcpi_rttvar=0, tcpi_snd_ssthresh=0, tcpi_snd_cwnd=0, " +
			"tcpi_rcv_space=0, tcpi_total_retrans=0}"},
		{unix.SOL_IP, unix.IP_MTU_DISCOVER, words(2), 0, "IP_PMTUDISC_DO"},
		{unix.SOL_IP, unix.IP_MTU_DISCOVER, words(9), 0, "9"},
		{unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER, words(3), 0, "IPV6_PMTUDISC_PROBE"},
		{unix.SOL_IP, unix.IP_ADD_MEMBERSHIP, unhex("ef010203 7f000001"), 0, "{imr_multiaddr=239.1.2.3, imr_interface=127.0.0.1}"},
		{unix.SOL_IP, unix.IP_DROP_MEMBERSHIP, append(unhex("ef010203 7f000001"), words(2)...), 0, "{imr_multiaddr=239.1.2.3, imr_address=127.0.0.1, imr_ifindex=2}"},
		{unix.SOL_IP, unix.IP_MULTICAST_IF, unhex("7f000001"), 0, "127.0.0.1"},
		{unix.SOL_IP, unix.IP_ADD_SOURCE_MEMBERSHIP, unhex("e8010203 7f000001 c0000201"), 0, "{imr_multiaddr=232.1.2.3, imr_interface=127.0.0.1, imr_sourceaddr=192.0.2.1}"},
		{unix.SOL_IP, unix.MCAST_JOIN_GROUP, append(append(words(3, 0), 2, 0, 0, 0), unhex("ef010203 0000000000000000")...), 0, "{gr_interface=3, gr_group=239.1.2.3}"},
		{unix.SOL_IPV6, unix.IPV6_JOIN_GROUP, append(unhex("ff120000000000000000000000000001"), words(2)...), 0, "{ipv6mr_multiaddr=ff12::1, ipv6mr_interface=2}"},
		{unix.SOL_RAW, 1, words(0xfffffffe), 0, "passes [ICMP_ECHOREPLY]"},
		{unix.SOL_ICMPV6, unix.ICMPV6_FILTER, append(bytes.Repeat([]byte{0xff}, 16), append([]byte{0xfe}, bytes.Repeat([]byte{0xff}, 15)...)...), 0, "passes [ICMPV6_ECHO_REQUEST]"},
		{unix.SOL_ICMPV6, unix.ICMPV6_FILTER, make([]byte, 32), 0, "blocks []"},
		{unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, append(words(1, 1), make([]byte, 8)...), 0, "{mr_ifindex=1, mr_type=PACKET_MR_PROMISC, mr_alen=0}"},
		{unix.SOL_PACKET, unix.PACKET_STATISTICS, words(10, 2), 0, "{tp_packets=10, tp_drops=2}"},
		{unix.SOL_UDP, unix.UDP_SEGMENT, words(1000), 0, "1000"},
		{77, 99, words(5), 0, "5"},
		{77, 99, []byte("six byt"), 0, `"six byt"`},
		{77, 99, []byte("cut"), 1000, `"cut…"`},
	} {
		length := c.length
		if length == 0 {
			length = len(c.value)
		}
		d := Decoder{Memory: pages{0x1000, c.value}}
		a := d.optionValue(c.level, c.name, 0x1000, length)
		if got := show.Argument(a); got != c.want {
			t.Errorf("%s %d: %s, want %s", optionText("setsockopt", c.level, c.name), length, got, c.want)
		}
	}
	d := Decoder{Memory: pages{}}
	if a := d.optionValue(1, 2, 0, 4); show.Argument(a) != "NULL" {
		t.Errorf("no value: %v", a)
	}
}

func TestOtherAddress(t *testing.T) {
	for _, c := range []struct {
		b    []byte
		want string
	}{
		{append([]byte{16, 0, 0, 0}, words(7, 3)...), "{sa_family=AF_NETLINK, nl_pid=7, nl_groups=0x3}"},
		{append([]byte{17, 0, 0x08, 0x06}, append(words(2), 1, 0, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0)...), "{sa_family=AF_PACKET, sll_protocol=htons(ETH_P_ARP), sll_ifindex=2, sll_hatype=1, sll_pkttype=PACKET_OUTGOING, sll_addr=020000000001}"},
		{append([]byte{17, 0, 0x88, 0x99}, append(words(2), 0, 0, 9, 255)...), "{sa_family=AF_PACKET, sll_protocol=htons(0x8899), sll_ifindex=2, sll_hatype=0, sll_pkttype=9}"},
		{append([]byte{40, 0, 0, 0}, words(1024, 2)...), "{sa_family=AF_VSOCK, svm_cid=2, svm_port=1024}"},
		{[]byte{16, 0, 1}, "AF_NETLINK"},
		{[]byte{0, 0}, "AF_UNSPEC"},
		{[]byte{99, 0}, "99"},
		{[]byte{1, 0}, "no name"},
		{[]byte{1}, "no address"},
	} {
		d := Decoder{Memory: pages{0x1000, c.b}}
		if got := show.Argument(d.addressArg(0x1000, len(c.b))); got != c.want {
			t.Errorf("%x: %s, want %s", c.b, got, c.want)
		}
	}
}

// message is a control message with its padding.
func message(level, kind int, data []byte) []byte {
	b := long(uint64(16 + len(data)))
	b = append(append(b, words(uint32(level), uint32(kind))...), data...)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

func TestControl(t *testing.T) {
	offender := unhex("0200 0000 c0000201 0000000000000000")
	for _, c := range []struct {
		b    []byte
		want string
	}{
		{message(unix.SOL_SOCKET, unix.SCM_RIGHTS, words(5, 6)), "SCM_RIGHTS [5, 6]"},
		{message(unix.SOL_SOCKET, unix.SCM_CREDENTIALS, words(42, 1000, 100)), "SCM_CREDENTIALS {pid=42, uid=1000, gid=100}"},
		{message(unix.SOL_SOCKET, 4, words(9)), "SCM_PIDFD 9"},
		{message(unix.SOL_SOCKET, 3, []byte("label\x00")), "SCM_SECURITY 6 bytes"},
		{message(unix.SOL_SOCKET, unix.SO_TIMESTAMP, long(1700000000, 5)), "SO_TIMESTAMP 1700000000.000005000"},
		{message(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, long(1700000000, 5)), "SO_TIMESTAMPNS 1700000000.000000005"},
		{message(unix.SOL_SOCKET, unix.SO_TIMESTAMPING, long(1700000000, 5, 0, 0, 0, 0)), "SO_TIMESTAMPING 1700000000.000000005"},
		{message(unix.SOL_SOCKET, unix.SO_TIMESTAMPING, long(0, 0, 0, 0, 7, 8)), "SO_TIMESTAMPING {software=0, hardware=7.000000008}"},
		{message(unix.SOL_SOCKET, unix.SO_TIMESTAMPING, words(2)), "SO_TIMESTAMPING SOF_TIMESTAMPING_TX_SOFTWARE"},
		{message(unix.SOL_SOCKET, unix.SO_RXQ_OVFL, words(3)), "SO_RXQ_OVFL 3"},
		{message(unix.SOL_SOCKET, unix.SCM_TXTIME, long(12345678901)), "SCM_TXTIME 12345678901"},
		{message(unix.SOL_IP, unix.IP_PKTINFO, append(words(2), unhex("c0000201 c0000202")...)), "IP_PKTINFO {ipi_ifindex=2, ipi_spec_dst=192.0.2.1, ipi_addr=192.0.2.2}"},
		{message(unix.SOL_IPV6, unix.IPV6_PKTINFO, append(unhex("20010db8000000000000000000000001"), words(2)...)), "IPV6_PKTINFO {ipi6_addr=2001:db8::1, ipi6_ifindex=2}"},
		{message(unix.SOL_IP, unix.IP_TTL, words(64)), "IP_TTL 64"},
		{message(unix.SOL_IP, unix.IP_TOS, []byte{0xb8}), "IP_TOS 0xb8"},
		{message(unix.SOL_IPV6, unix.IPV6_HOPLIMIT, words(63)), "IPV6_HOPLIMIT 63"},
		{message(unix.SOL_IPV6, unix.IPV6_TCLASS, words(4)), "IPV6_TCLASS 0x4"},
		{message(unix.SOL_IP, unix.IP_ORIGDSTADDR, unhex("0200 0050 c0000201 0000000000000000")), "IP_ORIGDSTADDR 192.0.2.1:80"},
		{message(unix.SOL_UDP, unix.UDP_SEGMENT, words(1400)[:2]), "UDP_SEGMENT 1400"},
		{message(unix.SOL_UDP, unix.UDP_GRO, words(1200)), "UDP_GRO 1200"},
		{message(unix.SOL_IP, unix.IP_RECVERR, append(append(append(words(111), 2, 3, 3, 0), words(0, 0)...), offender...)),
			"IP_RECVERR {ee_errno=ECONNREFUSED, ee_origin=SO_EE_ORIGIN_ICMP, ee_type=3, ee_code=3, ee_info=0, ee_data=0, offender=192.0.2.1}"},
		{message(unix.SOL_IP, unix.IP_RECVERR, append(append(words(42), 4, 0, 0, 0), words(1, 9)...)),
			"IP_RECVERR {ee_errno=ENOMSG, ee_origin=SO_EE_ORIGIN_TIMESTAMPING, ee_type=0, ee_code=0, ee_info=SCM_TSTAMP_SCHED, ee_data=9}"},
		{message(unix.SOL_IPV6, unix.IPV6_RECVERR, append(append(words(0), 5, 0, 1, 0), words(0, 3)...)),
			"IPV6_RECVERR {ee_errno=0, ee_origin=SO_EE_ORIGIN_ZEROCOPY, ee_type=0, ee_code=1, ee_info=0, ee_data=3}"},
		{message(77, 99, []byte("what?")), `77:99 "what?"`},
		{message(77, 99, []byte{1, 2}), `77:99 <01 02>`},
		{append(message(unix.SOL_IP, unix.IP_TTL, words(1)), message(unix.SOL_SOCKET, unix.SO_RXQ_OVFL, words(2))...), "IP_TTL 1, SO_RXQ_OVFL 2"},
		{message(unix.SOL_IP, unix.IP_PKTINFO, words(1)), "IP_PKTINFO 1"}, // too short
		{long(1000), "malformed"},
		{long(3, 0), "malformed"},
		{bytes.Repeat(message(unix.SOL_SOCKET, unix.SO_TIMESTAMP, long(1700000000, 5)), 50), strings.Repeat("SO_TIMESTAMP 1700000000.000005000, ", 32) + "…"},
		{bytes.Repeat(message(unix.SOL_IP, unix.IP_TTL, nil), 40), strings.TrimSuffix(strings.Repeat(`IP_TTL "", `, 40), ", ")},
	} {
		d := Decoder{Memory: pages{0x1000, c.b}}
		got := d.control(header{control: 0x1000, controlLen: len(c.b)})
		if s := show.Argument(got.arg); s != "["+c.want+"]" {
			t.Errorf("%s, want [%s]", s, c.want)
		}
	}
	d := Decoder{Memory: pages{0x1000, message(unix.SOL_IP, unix.IP_RECVERR, append(append(append(words(111), 2, 3, 3, 0), words(0, 0)...), offender...))}}
	got := d.control(header{control: 0x1000, controlLen: 48}).queued
	if len(got) != 1 || got[0].Origin != "icmp" || got[0].Errno != "ECONNREFUSED" || got[0].Offender.String() != "192.0.2.1" || got[0].Type != 3 || got[0].Code != 3 {
		t.Errorf("%+v", got)
	}
}

// FuzzOptionValue gives the decoders of values any bytes for any option: they say something bounded.
func FuzzOptionValue(f *testing.F) {
	f.Add(uint16(1), uint16(13), uint16(8), words(1, 2))
	f.Add(uint16(6), uint16(11), uint16(248), make([]byte, 248))
	f.Add(uint16(0), uint16(42), uint16(136), append(append(words(3, 0), 2, 0, 0, 0), make([]byte, 124)...))
	f.Fuzz(func(t *testing.T, level, name, length uint16, b []byte) {
		d := Decoder{Memory: pages{0x1000, b}}
		a := d.optionValue(int(level)%300, int(name)%300, 0x1000, int(int16(length)))
		if len(a.Data) > maxValue || a.Size < len(a.Data) || len(a.Text) > 4*maxValue+600 {
			t.Fatalf("%+v", a)
		}
		checkEscaped(t, a)
	})
}

// FuzzControl gives the reader of control messages any bytes.
func FuzzControl(f *testing.F) {
	f.Add(uint16(64), append(message(unix.SOL_SOCKET, unix.SCM_RIGHTS, words(5, 6)), message(unix.SOL_UDP, unix.UDP_SEGMENT, words(1)[:2])...))
	f.Add(uint16(48), message(unix.SOL_IP, unix.IP_RECVERR, append(append(words(111), 2, 3, 3, 0), make([]byte, 24)...)))
	f.Add(uint16(960), bytes.Repeat(message(77, 99, []byte("x")), 40))
	f.Fuzz(func(t *testing.T, length uint16, b []byte) {
		d := Decoder{Memory: pages{0x1000, b}}
		c := d.control(header{control: 0x1000, controlLen: int(length)})
		if len(c.arg.Data) > maxData || len(c.fds) > maxControl/4 || len(c.queued) > maxControl/32 || len(c.arg.Text) > maxShown+3*maxControl {
			t.Fatalf("%+v", c)
		}
		checkEscaped(t, c.arg)
	})
}

// checkEscaped verifies that nothing in an argument reaches a terminal.
func checkEscaped(t *testing.T, a trace.Arg) {
	t.Helper()
	for _, r := range show.Argument(a) {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			t.Fatalf("%q", show.Argument(a))
		}
	}
}
