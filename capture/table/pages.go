package table

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/parquet-go/parquet-go/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/plain"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// pages makes the pages of one column of a row group. The types of pages, their encodings and their headers are those
// of parquet-go; its own writers take a value with its levels at a time, and most columns of most packets have none:
// here a column without values costs nothing, and the rest less than half.
type pages struct {
	column *Column
	kind   format.Type

	// Of the page to come.
	rows    int
	present bitset // definition levels, of a column that is not Full
	repeats bitset // repetition levels, of a list
	flags   bitset
	ints    []int32 // places in the dictionary, or numbers of 32 bits
	longs   []int64
	bytes   []byte // of texts as they are written, without a dictionary

	dict    *dictionary // nil where there is none
	plain   bool        // from here on in this row group the dictionary does not help
	bounded bool        // engines get to know its bounds
	bound   bounds

	// Of the row group.
	done    []byte // pages that are complete
	meta    format.ColumnMetaData
	first   int // bytes of done before the pages of data: those of the dictionary
	scratch []byte
	packed  []byte
	header  bytes.Buffer
}

// Sizes of pages: one is complete when it has as many rows, or bytes.
const (
	pageRows  = 40_960
	pageBytes = 256 << 10
	// dictionaryBytes bounds a dictionary: a column with more values is written without from there on.
	dictionaryBytes = 1 << 20
)

// codec packs all pages. Zstandard at its fastest takes a seventh of the time of encoding.
var codec = zstd.Codec{Level: zstd.SpeedFastest}

// newPages returns the pages of all columns of s.
func newPages(s *Schema) []*pages {
	list := make([]*pages, len(s.Columns))
	for i := range list {
		c := &s.Columns[i]
		list[i] = &pages{column: c, kind: c.physical()}
		// The bounds of a text help engines little, unless it is an address.
		list[i].bounded = list[i].kind != format.ByteArray || c.Kind == Text && !c.List && named(s.Columns, c.Name+"_bytes")
		if c.Kind != Flag && !c.Rare {
			list[i].dict = &dictionary{}
		}
	}
	return list
}

// physical returns the type of a column's values in the file.
func (c *Column) physical() format.Type {
	switch c.Kind {
	case Text, Bytes:
		return format.ByteArray
	case Address:
		return format.FixedLenByteArray
	case Flag:
		return format.Boolean
	case U8, U16, U32, I32:
		return format.Int32
	case Float:
		return format.Double
	}
	return format.Int64
}

// size is about how many bytes there are of the row group, in memory.
func (p *pages) size() int64 {
	n := len(p.done) + p.pending()
	if p.dict != nil {
		n += p.dict.bytes
	}
	return int64(n)
}

// pending is how many bytes the page to come has, before they are packed.
func (p *pages) pending() int { return 4*len(p.ints) + 8*len(p.longs) + len(p.bytes) }

// add adds the values of a column in n rows.
func (p *pages) add(c *cells, n int) error {
	d := p.column
	have := len(c.numbers) + len(c.strings)
	switch {
	case d.Seldom:
		at := p.flags.n
		p.flags.zeros(n)
		for _, row := range c.rows {
			p.flags.set(at + int(row))
		}
		p.rows += n
		return p.full()
	case d.List:
		p.levelsOfList(c.rows, n)
	case d.Full:
		if have != n {
			return fmt.Errorf("%d values in %d rows", have, n)
		}
	case have == n:
		p.present.ones(n)
	default:
		at := p.present.n
		p.present.zeros(n)
		for _, row := range c.rows {
			p.present.set(at + int(row))
		}
	}
	p.rows += n
	if have > 0 {
		p.values(c)
	}
	return p.full()
}

// levelsOfList adds the levels of lists: an entry for each value, and one for each row without.
func (p *pages) levelsOfList(rows []uint16, n int) {
	row := 0
	for _, at := range rows {
		if again := row > int(at); again {
			p.repeats.ones(1)
		} else {
			p.present.zeros(int(at) - row)
			p.repeats.zeros(int(at) - row + 1)
		}
		p.present.ones(1)
		row = int(at) + 1
	}
	p.present.zeros(n - row)
	p.repeats.zeros(n - row)
}

// values adds values.
func (p *pages) values(c *cells) {
	switch p.kind {
	case format.Boolean:
		for _, v := range c.numbers {
			if v != 0 {
				p.flags.ones(1)
			} else {
				p.flags.zeros(1)
			}
		}
	case format.ByteArray, format.FixedLenByteArray:
		if p.dict != nil && !p.plain {
			for _, s := range c.strings {
				p.ints = append(p.ints, p.dict.text(s))
			}
			return
		}
		for _, s := range c.strings {
			if p.kind == format.ByteArray {
				p.bytes = binary.LittleEndian.AppendUint32(p.bytes, uint32(len(s)))
			}
			p.bytes = append(p.bytes, s...)
			p.boundText(s)
		}
	case format.Int32:
		if p.dict != nil && !p.plain {
			p.numbered(c.numbers, 4)
			return
		}
		for _, v := range c.numbers {
			p.ints = append(p.ints, int32(v))
		}
		p.boundAll(c.numbers)
	default:
		if p.dict != nil && !p.plain {
			p.numbered(c.numbers, 8)
			return
		}
		for _, v := range c.numbers {
			p.longs = append(p.longs, int64(v))
		}
		p.boundAll(c.numbers)
	}
}

// numbered adds numbers by their places in the dictionary. The same often comes several times in a row.
func (p *pages) numbered(numbers []uint64, size int) {
	last, index := numbers[0], p.dict.number(numbers[0], size)
	for _, v := range numbers {
		if v != last {
			last, index = v, p.dict.number(v, size)
		}
		p.ints = append(p.ints, index)
	}
}

// full completes the page if it is large enough.
func (p *pages) full() error {
	if p.rows >= pageRows || p.pending() >= pageBytes {
		return p.flush()
	}
	return nil
}

// flush completes the page.
func (p *pages) flush() error {
	if p.rows == 0 {
		return nil
	}
	have, entries := p.rows, p.rows
	p.scratch = p.scratch[:0]
	var levels [2]int
	if p.column.List {
		p.scratch = p.repeats.appendLevels(p.scratch)
		levels[0], entries = len(p.scratch), p.repeats.n
	}
	if !p.column.Full {
		p.scratch = p.present.appendLevels(p.scratch)
		levels[1], have = len(p.scratch)-levels[0], p.present.count()
	}
	all := levels[0] + levels[1]
	encoding, err := p.encode()
	if err != nil {
		return err
	}
	body := p.scratch[all:]
	if p.packed, err = codec.Encode(p.packed, body); err != nil {
		return err
	}
	sum := crc32.Update(crc32.ChecksumIEEE(p.scratch[:all]), crc32.IEEETable, p.packed)
	err = p.write(&format.PageHeader{
		Type: format.DataPageV2, UncompressedPageSize: int32(len(p.scratch)), CompressedPageSize: int32(all + len(p.packed)), CRC: int32(sum),
		DataPageHeaderV2: thrift.New(format.DataPageHeaderV2{
			NumValues: int32(entries), NumNulls: int32(entries - have), NumRows: int32(p.rows), Encoding: encoding,
			RepetitionLevelsByteLength: int32(levels[0]), DefinitionLevelsByteLength: int32(levels[1]), IsCompressed: thrift.New(true),
		}),
	}, p.scratch[:all], p.packed)
	if err != nil {
		return err
	}
	p.meta.NumValues += int64(entries)
	p.meta.Statistics.NullCount += int64(entries - have)
	if p.dict != nil && !p.plain {
		p.plain = p.dict.bytes > dictionaryBytes || 2*int64(p.dict.len()) > p.meta.NumValues-p.meta.Statistics.NullCount && p.dict.len() > pageRows/4
	}
	p.clear()
	return nil
}

// clear begins the next page.
func (p *pages) clear() {
	p.rows = 0
	p.present.reset()
	p.repeats.reset()
	p.flags.reset()
	p.ints, p.longs, p.bytes = p.ints[:0], p.longs[:0], p.bytes[:0]
}

// encode appends the values to scratch.
func (p *pages) encode() (as format.Encoding, err error) {
	switch {
	case p.kind == format.Boolean:
		p.scratch = p.flags.appendBytes(p.scratch)
		p.boundFlags()
		return format.Plain, nil
	case p.dict != nil && !p.plain && len(p.ints) > 0:
		as = format.RLEDictionary
		p.packed, err = (&rle.DictionaryEncoding{}).EncodeInt32(p.packed, p.ints)
	case len(p.bytes) > 0:
		p.scratch = append(p.scratch, p.bytes...)
		return format.Plain, nil
	case p.column.deltas() && len(p.ints) > 0:
		as = format.DeltaBinaryPacked
		p.packed, err = (&delta.BinaryPackedEncoding{}).EncodeInt32(p.packed, p.ints)
	case p.column.deltas() && len(p.longs) > 0:
		as = format.DeltaBinaryPacked
		p.packed, err = (&delta.BinaryPackedEncoding{}).EncodeInt64(p.packed, p.longs)
	case len(p.ints) > 0:
		p.packed, err = (&plain.Encoding{}).EncodeInt32(p.packed, p.ints)
	default:
		p.packed, err = (&plain.Encoding{}).EncodeInt64(p.packed, p.longs)
	}
	p.scratch = append(p.scratch, p.packed...)
	return as, err
}

// write appends a page to those that are done.
func (p *pages) write(h *format.PageHeader, parts ...[]byte) error {
	p.header.Reset()
	var protocol thrift.CompactProtocol
	if err := thrift.NewEncoder(protocol.NewWriter(&p.header)).Encode(h); err != nil {
		return err
	}
	p.done = append(p.done, p.header.Bytes()...)
	for _, b := range parts {
		p.done = append(p.done, b...)
	}
	p.meta.TotalUncompressedSize += int64(p.header.Len()) + int64(h.UncompressedPageSize)
	encoding := h.DataPageHeaderV2.V.Encoding
	if h.Type == format.DictionaryPage {
		encoding = h.DictionaryPageHeader.V.Encoding
	}
	for i := range p.meta.EncodingStats {
		if s := &p.meta.EncodingStats[i]; s.PageType == h.Type && s.Encoding == encoding {
			s.Count++
			return nil
		}
	}
	p.meta.EncodingStats = append(p.meta.EncodingStats, format.PageEncodingStats{PageType: h.Type, Encoding: encoding, Count: 1})
	return nil
}

// finish completes the column in a row group: what is done then are its pages of data, and behind them, from first on,
// that of its dictionary, which stands before them in the file.
func (p *pages) finish() error {
	if err := p.flush(); err != nil {
		return err
	}
	p.first = len(p.done)
	if p.dict != nil && p.dict.len() > 0 {
		if err := p.writeDictionary(); err != nil {
			return err
		}
	}
	p.meta.Type, p.meta.Codec = p.kind, format.Zstd
	p.meta.TotalCompressedSize = int64(len(p.done))
	seen := map[format.Encoding]bool{}
	if !p.column.Full {
		seen[format.RLE] = true // the levels
		p.meta.Encoding = append(p.meta.Encoding, format.RLE)
	}
	for _, s := range p.meta.EncodingStats {
		if !seen[s.Encoding] {
			seen[s.Encoding] = true
			p.meta.Encoding = append(p.meta.Encoding, s.Encoding)
		}
	}
	p.statistics()
	return nil
}

// finish completes columns in a row group.
func finish(columns []*pages) error {
	for _, p := range columns {
		if err := p.finish(); err != nil {
			return fmt.Errorf("column %s: %w", p.column.Name, err)
		}
	}
	return nil
}

func (p *pages) writeDictionary() error {
	p.scratch = p.scratch[:0]
	for _, v := range p.dict.numbers {
		if p.kind == format.Int32 {
			p.scratch = binary.LittleEndian.AppendUint32(p.scratch, uint32(v))
		} else {
			p.scratch = binary.LittleEndian.AppendUint64(p.scratch, v)
		}
	}
	p.boundAll(p.dict.numbers)
	for _, s := range p.dict.strings {
		if p.kind == format.ByteArray {
			p.scratch = binary.LittleEndian.AppendUint32(p.scratch, uint32(len(s)))
		}
		p.scratch = append(p.scratch, s...)
		p.boundText(s)
	}
	var err error
	if p.packed, err = codec.Encode(p.packed, p.scratch); err != nil {
		return err
	}
	return p.write(&format.PageHeader{
		Type: format.DictionaryPage, UncompressedPageSize: int32(len(p.scratch)), CompressedPageSize: int32(len(p.packed)),
		CRC:                  int32(crc32.ChecksumIEEE(p.packed)),
		DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{NumValues: int32(p.dict.len()), Encoding: format.Plain}),
	}, p.packed)
}

// reset begins the next row group.
func (p *pages) reset() {
	p.clear()
	p.done, p.first, p.plain, p.bound = p.done[:0], 0, false, bounds{}
	p.meta = format.ColumnMetaData{}
	if p.dict != nil && p.dict.len() > 0 {
		p.dict.reset()
	}
}

// bounds are the least and the largest value of a column in a row group.
type bounds struct {
	any              bool
	least, most      uint64
	shortest, latest string
}

// compare compares numbers in the order of the column's type.
func (p *pages) compare(a, b uint64) int {
	switch p.column.Kind {
	case I32:
		return cmp.Compare(int32(a), int32(b))
	case I64, Time:
		return cmp.Compare(int64(a), int64(b))
	case Float:
		return cmp.Compare(math.Float64frombits(a), math.Float64frombits(b))
	}
	return cmp.Compare(a, b)
}

func (p *pages) boundAll(numbers []uint64) {
	b := &p.bound
	for _, v := range numbers {
		if p.column.Kind == Float && math.IsNaN(math.Float64frombits(v)) {
			continue
		}
		if !b.any {
			b.any, b.least, b.most = true, v, v
		}
		if p.compare(v, b.least) < 0 {
			b.least = v
		}
		if p.compare(v, b.most) > 0 {
			b.most = v
		}
	}
}

func (p *pages) boundText(s string) {
	if !p.bounded {
		return
	}
	b := &p.bound
	if !b.any {
		b.any, b.shortest, b.latest = true, s, s
	}
	b.shortest, b.latest = min(b.shortest, s), max(b.latest, s)
}

func (p *pages) boundFlags() {
	set := p.flags.count()
	if set > 0 {
		p.boundAll([]uint64{1})
	}
	if set < p.flags.n {
		p.boundAll([]uint64{0})
	}
}

// statistics puts the bounds as engines read them.
func (p *pages) statistics() {
	b := &p.bound
	if !b.any {
		return
	}
	as := func(v uint64, s string) []byte {
		switch p.kind {
		case format.Int32:
			return binary.LittleEndian.AppendUint32(nil, uint32(v))
		case format.ByteArray, format.FixedLenByteArray:
			return []byte(s)
		case format.Boolean:
			return []byte{byte(v)}
		}
		return binary.LittleEndian.AppendUint64(nil, v)
	}
	p.meta.Statistics.MinValue, p.meta.Statistics.MaxValue = as(b.least, b.shortest), as(b.most, b.latest)
}
