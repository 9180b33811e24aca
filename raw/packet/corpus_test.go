package packet_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

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

// frames returns the frames of a classic capture file and its link type; nil for any other file.
func frames(t *testing.T, file string) (list [][]byte, link uint32) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) < 24 {
		return nil, 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch binary.LittleEndian.Uint32(b) {
	case 0xa1b2c3d4, 0xa1b23c4d:
	case 0xd4c3b2a1, 0x4d3cb2a1:
		order = binary.BigEndian
	default:
		return nil, 0
	}
	link = order.Uint32(b[20:]) & 0xfffffff
	for b = b[24:]; len(b) >= 16; {
		n := int(order.Uint32(b[8:]))
		if n < 0 || n > len(b)-16 {
			break
		}
		list = append(list, b[16:16+n:16+n])
		b = b[16+n:]
	}
	return list, link
}

func firstLayer(link uint32, b []byte) packet.Layer {
	switch {
	case link == 1:
		return new(packet.Ethernet)
	case (link == 101 || link == 12 || link == 228 || link == 229) && len(b) > 0 && b[0]>>4 == 6:
		return new(packet.IPv6)
	case link == 101 || link == 12 || link == 228:
		return new(packet.IPv4)
	}
	return nil
}

func TestDissectCorpus(t *testing.T) {
	packets, payloadOnly := 0, 0
	for _, file := range corpus(t) {
		list, link := frames(t, file)
		for i, b := range list {
			if i == 200 && testing.Short() || i == 1000 {
				break
			}
			if l := firstLayer(link, b); l != nil {
				packets++
				roundTrip(t, b, l)
				if t.Failed() {
					t.Fatalf("%s packet %d", file, i+1)
				}
				if len(packet.Dissect(b, firstLayer(link, b))) == 1 {
					payloadOnly++
				}
			}
		}
	}
	t.Logf("%d packets taken apart and built again, %d of them as nothing but bytes", packets, payloadOnly)
}
