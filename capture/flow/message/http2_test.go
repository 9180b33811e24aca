package message

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	mrand "math/rand/v2"
	"net"
	"slices"
	"testing"

	"golang.org/x/net/http2/hpack"

	"sockwire/capture/flow"
)

// frame2 makes a frame of HTTP/2.
func frame2(kind, flags byte, stream uint32, payload []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	return append(binary.BigEndian.AppendUint32(append(b, flags), stream), payload...)
}

// talkHTTP2 is a call of gRPC twice, whose second has header fields that refer to those of the first.
func talkHTTP2() (client, server []byte) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	fields := func(pairs ...string) []byte {
		block.Reset()
		for i := 0; i < len(pairs); i += 2 {
			encoder.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
		}
		return bytes.Clone(block.Bytes())
	}
	client = append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame2(4, 0, 0, nil)...)
	for _, stream := range []uint32{1, 3} {
		h := fields(":method", "POST", ":path", "/pkg.Service/Method", ":authority", "a.example", "content-type", "application/grpc")
		client = append(client, frame2(1, 0, stream, h[:len(h)/2])...) // and the rest in another frame
		client = append(client, frame2(9, 4, stream, h[len(h)/2:])...)
		client = append(client, frame2(0, 1, stream, []byte{0, 0, 0, 0, 2, 'h', 'i'})...)
	}
	encoder = hpack.NewEncoder(&block)
	server = frame2(4, 0, 0, []byte{0, 3, 0, 0, 0, 100})
	for _, stream := range []uint32{1, 3} {
		server = append(server, frame2(1, 4, stream, fields(":status", "200", "content-type", "application/grpc"))...)
		server = append(server, frame2(0, 0, stream, []byte{0, 0, 0, 0, 2, 'y', 'o'})...)
		server = append(server, frame2(1, 5, stream, fields("grpc-status", "5", "grpc-message", "not found"))...)
	}
	return client, server
}

var http2Lines = []string{
	"HTTP/2 connection preface", "HTTP/2 SETTINGS", "HTTP/2 HEADERS, stream 1",
	`HTTP/2 CONTINUATION, stream 1, method "POST", path "/pkg.Service/Method", authority "a.example"`, "HTTP/2 DATA, stream 1, length 7, end",
	`HTTP/2 CONTINUATION, stream 3, method "POST", path "/pkg.Service/Method", authority "a.example"`,
	`HTTP/2 HEADERS, stream 1, status "200"`, `HTTP/2 HEADERS, stream 1, grpc-status "5", grpc-message "not found", end`,
	`HTTP/2 HEADERS, stream 3, status "200"`, `HTTP/2 HEADERS, stream 3, grpc-status "5", grpc-message "not found", end`,
}

func TestHTTP2(t *testing.T) {
	client, server := talkHTTP2()
	turns := []turn{{flow.Forward, client}, {flow.Backward, server}}
	for seed := range uint64(10) {
		var rng *mrand.Rand
		if seed > 0 {
			rng = mrand.New(mrand.NewPCG(seed, 7))
		}
		h := listen(t, framesOf(8090, turns, rng), &Parser{})
		h.wants(t, http2Lines...)
	}
}

func TestOpenedHTTP2(t *testing.T) {
	client, server := talkHTTP2()
	k := talkTLS(t, &tls.Config{NextProtos: []string{"h2"}}, &tls.Config{NextProtos: []string{"h2"}},
		func(c net.Conn) error {
			if _, err := c.Write(client); err != nil {
				return err
			}
			_, err := io.ReadFull(c, make([]byte, len(server)))
			return err
		},
		func(c net.Conn) error {
			if _, err := io.ReadFull(c, make([]byte, len(client))); err != nil {
				return err
			}
			_, err := c.Write(server)
			return err
		})
	h := listen(t, framesOf(4443, k.turns, nil), &Parser{Secrets: logOf(k.log.Bytes())})
	h.wants(t, http2Lines...)
}

func TestMutatedHTTP2(t *testing.T) {
	client, server := talkHTTP2()
	rng := mrand.New(mrand.NewPCG(8, 9))
	for range 3000 {
		turns := []turn{{flow.Forward, bytes.Clone(client)}, {flow.Backward, bytes.Clone(server)}}
		for range 1 + rng.IntN(5) {
			b := turns[rng.IntN(2)].data
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
		var cuts *mrand.Rand
		if rng.IntN(2) == 0 {
			cuts = rng
		}
		frames := framesOf(8090, turns, cuts)
		if i := rng.IntN(len(frames)); rng.IntN(2) == 0 {
			frames = slices.Delete(frames, i, i+1)
		}
		listen(t, frames, &Parser{})
	}
}
