package filter

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"sockwire/capture"
)

// TestAttach sends datagrams over loopback: those queued before the filter and those that it rejects are
// not received.
func TestAttach(t *testing.T) {
	receive, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer receive.Close()
	send, err := net.DialUDP("udp4", nil, receive.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer send.Close()
	write := func(s string) {
		if _, err := send.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	write("yes, but before the filter")
	// A UDP socket's filter starts at the UDP header: the payload's first byte is byte 8.
	prog, err := NewProgram([]bpf.RawInstruction{
		{Op: opLD | modeABS | sizeB, K: 8}, {Op: opJMP | jmpJEQ | srcK, K: 'y', Jf: 1}, {Op: opRET, K: 0xffff}, {Op: opRET}})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := receive.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := prog.Attach(raw); err != nil {
		t.Fatal(err)
	}
	write("no")
	write("yes")
	receive.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 64)
	n, err := receive.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(buf[:n]); got != "yes" {
		t.Errorf("the filter let %q through", got)
	}
	for range 2 {
		if err := (Program{}).Attach(raw); err != nil {
			t.Fatal("detaching: ", err)
		}
	}
	write("no")
	if n, err = receive.Read(buf); err != nil || string(buf[:n]) != "no" {
		t.Errorf("without filter: %q, %v", buf[:n], err)
	}
}

// TestKernelTakesLivePrograms attaches programs with the Linux extensions, which the kernel checks.
func TestKernelTakesLivePrograms(t *testing.T) {
	k := newKernelFilter(t)
	for _, expr := range []string{"vlan", "vlan 5 and tcp port 80", "inbound", "outbound and ip", "ifindex 7", "vlan and geneve or tcp",
		"anywhere: tcp port 443", "protochain 6", "vlan 5 or vlan 6 and ip[len - 4] >> ip[0] > 3"} {
		p, err := MustParse(expr).Compile(capture.LinkEthernet, &Options{Live: true})
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if err := k.attach(&p); err != nil {
			t.Errorf("%s: the kernel: %v\n%s", expr, err, p.AppendListing(nil, ListAssembly))
		}
	}
}
