package packet_test

import (
	"path/filepath"
	"testing"

	"sockwire/capture"
	"sockwire/raw/packet"
)

// corpus returns the captures beside the repository.
func corpus(t *testing.T) []string {
	t.Helper()
	files, _ := filepath.Glob("../../../shared/corpus/*/*.*")
	if len(files) == 0 {
		t.Skip("../shared/corpus is not there: nothing to take apart")
	}
	return files
}

func firstLayer(link capture.LinkType, b []byte) packet.Layer {
	switch {
	case link == capture.LinkEthernet:
		return new(packet.Ethernet)
	case len(b) == 0:
	case link == capture.LinkIPv6, link == capture.LinkRaw && b[0]>>4 == 6:
		return new(packet.IPv6)
	case link == capture.LinkIPv4, link == capture.LinkRaw:
		return new(packet.IPv4)
	}
	return nil
}

func TestDissectCorpus(t *testing.T) {
	packets, payloadOnly := 0, 0
	others := map[capture.LinkType]int{}
	for _, file := range corpus(t) {
		r, err := capture.OpenFile(file)
		if err != nil {
			t.Logf("not seen: %v", err) // many are broken on purpose
			continue
		}
		count := 0
		for f, err := range r.Frames(t.Context()) {
			l := firstLayer(f.Link, f.Data)
			if err != nil {
				t.Logf("not seen: behind packet %d: %v", count, err)
			}
			if err != nil || testing.Short() && count == 100 {
				break
			}
			if count++; l == nil {
				others[f.Link]++
				continue
			}
			packets++
			roundTrip(t, f.Data, l)
			if t.Failed() {
				t.Fatalf("%s packet %d", file, count)
			}
			if len(packet.Dissect(f.Data, firstLayer(f.Link, f.Data))) == 1 {
				payloadOnly++
			}
		}
		r.Close()
	}
	t.Logf("not seen: packets of link types that are not taken apart: %v", others)
	t.Logf("%d packets taken apart and built again, %d of them as nothing but bytes", packets, payloadOnly)
}
