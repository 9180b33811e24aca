package info_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"time"

	"sockwire/capture"
	"sockwire/capture/info"
)

// What a file holds, without decoding a packet.
func ExampleRead() {
	var file bytes.Buffer
	w, err := capture.NewWriter(&file, &capture.WriterConfig{Section: capture.Section{Application: "demo"}})
	if err != nil {
		log.Fatal(err)
	}
	w.Describe([]capture.Interface{{Name: "eth0", Link: capture.LinkEthernet}})
	for n := range 3 {
		w.Write(&capture.Frame{Data: make([]byte, 60), Length: 60, Time: time.Unix(1_700_000_000+int64(n), 0)})
	}
	w.Close()

	r, err := capture.NewReader(&file)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	f, err := info.Read(context.Background(), r)
	if err != nil {
		log.Fatal(err)
	}
	packets, bits := f.PerSecond()
	fmt.Println(f.Packets, "packets in", f.Duration(), "on", f.Interfaces[0].Name, "written by", f.Sections[0].Application)
	fmt.Println(packets, "packets/s,", bits, "bit/s")
	// Output:
	// 3 packets in 2s on eth0 written by demo
	// 1.5 packets/s, 720 bit/s
}
