package capture

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compression is how a whole capture file is packed.
type Compression uint8

// Compressions that a Writer writes; a Reader sniffs them.
const (
	Uncompressed Compression = iota
	Gzip                     // RFC 1952
	Zstd                     // RFC 8878
)

// compressor is what both libraries offer. Flush makes all written so far readable.
type compressor interface {
	io.WriteCloser
	Flush() error
}

func newCompressor(w io.Writer, c Compression) (compressor, error) {
	switch c {
	case Uncompressed:
		return nil, nil
	case Gzip:
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	case Zstd:
		// One encoder goroutine and a bounded window: captures are written beside a busy reader.
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(1<<20))
	}
	return nil, fmt.Errorf("compression %d is not known", c)
}
