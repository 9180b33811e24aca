package netlab_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"sockwire/raw/netlab"
)

func TestUDPBetweenHosts(t *testing.T) {
	start := time.Now()
	_, a, b := netlab.Two(t)
	t.Logf("a lab of two hosts took %v", time.Since(start))
	for _, addr := range []netip.Addr{b.Addr4(), b.Addr6()} {
		var server, client *net.UDPConn
		err := b.Do(func() (err error) {
			server, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		err = a.Do(func() (err error) {
			client, err = net.DialUDP("udp", nil, server.LocalAddr().(*net.UDPAddr))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if _, err := client.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		server.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, from, err := server.ReadFromUDPAddrPort(buf)
		if err != nil || string(buf[:n]) != "hello" {
			t.Fatalf("%v: received %q, %v", addr, buf[:n], err)
		}
		if want := client.LocalAddr().(*net.UDPAddr).AddrPort(); from != want {
			t.Errorf("received from %v, sent by %v", from, want)
		}
	}
}
