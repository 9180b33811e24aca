package gopackets_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"sockwire/capture"
	"sockwire/capture/gopackets"
)

// twoFrames is a capture with two frames in it.
func twoFrames() io.Reader {
	frame := func(payload string) []byte {
		b := gopacket.NewSerializeBuffer()
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: []byte{192, 0, 2, 1}, DstIP: []byte{192, 0, 2, 2}}
		udp := &layers.UDP{SrcPort: 4000, DstPort: 5000}
		udp.SetNetworkLayerForChecksum(ip)
		eth := &layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
		err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, eth, ip, udp, gopacket.Payload(payload))
		if err != nil {
			log.Fatal(err)
		}
		return b.Bytes()
	}
	var file bytes.Buffer
	w, err := capture.NewWriter(&file, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Describe([]capture.Interface{{Name: "eth0", Link: capture.LinkEthernet}}); err != nil {
		log.Fatal(err)
	}
	for i, payload := range []string{"one", "three"} {
		data := frame(payload)
		if err := w.Write(&capture.Frame{Data: data, Length: len(data), Time: time.Unix(int64(i), 0)}); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	return &file
}

// Any capture.Source serves programs on gopacket.
func ExampleNew() {
	r, err := capture.NewReader(twoFrames())
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	src, err := gopackets.New(context.Background(), r)
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	for p := range gopacket.NewPacketSource(src, src.LinkType()).Packets() {
		fmt.Println(p.NetworkLayer().NetworkFlow(), string(p.ApplicationLayer().Payload()))
	}
	// Output:
	// 192.0.2.1->192.0.2.2 one
	// 192.0.2.1->192.0.2.2 three
}
