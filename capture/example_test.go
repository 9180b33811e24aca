package capture_test

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

func ExampleNewReader() {
	r, err := capture.NewReader(twoFrames())
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	for f, err := range r.Frames(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(f.Time.UTC().Format(time.TimeOnly), r.Interfaces()[f.Interface].Name, f.Link, f.Length)
	}
	// Output:
	// 00:00:00 eth0 EN10MB 60
	// 00:00:01 eth0 EN10MB 60
}

// Any Source serves programs on gopacket.
func ExampleNewPacketSource() {
	r, err := capture.NewReader(twoFrames())
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	src, err := capture.NewPacketSource(context.Background(), r)
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

func ExampleOpen() {
	l, err := capture.Open(context.Background(), "eth0", &capture.Config{Immediate: true})
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for f, err := range l.Frames(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(f.Time, f.Direction, f.Length)
	}
}
