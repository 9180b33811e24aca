package gopackets_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/google/gopacket/layers"

	"sockwire/capture"
	"sockwire/capture/gopackets"
)

func TestSource(t *testing.T) {
	r, err := capture.NewReader(twoFrames())
	must(t, err)
	src, err := gopackets.New(context.Background(), r)
	must(t, err)
	if src.LinkType() != layers.LinkTypeEthernet {
		t.Errorf("link type %v", src.LinkType())
	}
	var kept [][]byte
	for {
		b, info, err := src.ReadPacketData()
		if err == io.EOF {
			break
		}
		must(t, err)
		if info.CaptureLength != len(b) || info.Length != len(b) || info.Timestamp.Unix() != int64(len(kept)) {
			t.Errorf("info %+v of %d bytes", info, len(b))
		}
		kept = append(kept, b)
	}
	if len(kept) != 2 || !bytes.Contains(kept[0], []byte("one")) || !bytes.Contains(kept[1], []byte("three")) {
		t.Errorf("frames % x", kept)
	}
	src.Close()

	// An empty source, and one of a link type that gopacket's numbers do not reach.
	var file bytes.Buffer
	w, err := capture.NewWriter(&file, nil)
	must(t, err)
	must(t, w.Close())
	r, err = capture.NewReader(&file)
	must(t, err)
	src, err = gopackets.New(context.Background(), r)
	must(t, err)
	if _, _, err := src.ReadPacketData(); err != io.EOF {
		t.Errorf("of an empty source: %v", err)
	}
	w, err = capture.NewWriter(&file, nil)
	must(t, err)
	must(t, w.Describe([]capture.Interface{{Link: capture.LinkLinuxSLL2}}))
	must(t, w.Write(&capture.Frame{Data: make([]byte, 20), Length: 20, Link: capture.LinkLinuxSLL2}))
	must(t, w.Close())
	r, err = capture.NewReader(&file)
	must(t, err)
	src, err = gopackets.New(context.Background(), r)
	must(t, err)
	if src.LinkType() != 0xff {
		t.Errorf("link type %v of an SLL2 source", src.LinkType())
	}
	src.Close()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
