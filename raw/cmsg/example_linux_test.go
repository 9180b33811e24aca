package cmsg_test

import (
	"fmt"
	"log"
	"net"

	"sockwire/raw/cmsg"
)

// A UDP server reads datagrams in batches and learns where each was sent to and with what TTL.
func Example() {
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	rc, err := server.SyscallConn()
	if err != nil {
		log.Fatal(err)
	}
	rc.Control(func(fd uintptr) {
		_, err = cmsg.Enable(int(fd), cmsg.PacketInfo|cmsg.TTL)
	})
	if err != nil {
		log.Fatal(err)
	}

	sender, err := cmsg.NewSender(rc, 16)
	if err != nil {
		log.Fatal(err)
	}
	self := server.LocalAddr().(*net.UDPAddr).AddrPort()
	_, err = sender.Send([]cmsg.Message{
		{Buf: []byte("near"), Addr: self, OOB: cmsg.AppendTTL(nil, 1)},
		{Buf: []byte("far"), Addr: self, OOB: cmsg.AppendTTL(nil, 255)},
	})
	if err != nil {
		log.Fatal(err)
	}

	ms := make([]cmsg.Message, 16)
	for i := range ms {
		ms[i].Buf, ms[i].OOB = make([]byte, 2048), make([]byte, 256)
	}
	receiver := cmsg.NewReceiver(rc, len(ms))
	var info cmsg.Info
	for got := 0; got < 2; {
		n, err := receiver.Receive(ms)
		if err != nil {
			log.Fatal(err)
		}
		for _, m := range ms[:n] {
			info.Parse(m.OOB[:m.NN], m.Flags)
			fmt.Printf("%s to %v, TTL %d\n", m.Buf[:m.N], info.Dst, info.TTL)
		}
		got += n
	}
	// Output:
	// near to 127.0.0.1, TTL 1
	// far to 127.0.0.1, TTL 255
}
