package capture_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/netip"
	"os"
	"time"

	"sockwire/capture"
	"sockwire/capture/filter"
	craft "sockwire/raw/packet"
)

// twoFrames is a capture with two frames in it.
func twoFrames() io.Reader {
	frame := func(payload string) []byte {
		b, err := craft.Append(nil,
			&craft.Ethernet{Src: craft.MAC{2, 0, 0, 0, 0, 1}, Dst: craft.MAC{2, 0, 0, 0, 0, 2}},
			&craft.IPv4{Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2")},
			&craft.UDP{SrcPort: 4000, DstPort: 5000},
			craft.Payload(payload))
		if err != nil {
			log.Fatal(err)
		}
		return b
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
	// 00:00:00 eth0 EN10MB 45
	// 00:00:01 eth0 EN10MB 47
}

func ExampleOpen() {
	l, err := capture.Open(context.Background(), "eth0", &capture.Config{Immediate: true, Expression: filter.MustParse("tcp port 443")})
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

// What comes through a pipe is read as it is written; one packet that is there is given at once.
func ExampleReader_TryNext() {
	config := capture.ReaderConfig{Memory: 64 << 20}
	ctx, cancel := context.WithCancel(context.Background()) // cancel ends a read that waits
	defer cancel()
	r, err := config.Open(ctx, "-")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	out := bufio.NewWriter(os.Stdout)
	for {
		var f capture.Frame
		ok, err := r.TryNext(&f)
		if !ok && err == nil {
			out.Flush() // before waiting for more
			err = r.Next(&f)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprintln(out, f.Time, f.Length)
	}
	out.Flush()
}
