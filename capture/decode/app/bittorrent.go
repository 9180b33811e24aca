package app

import "sockwire/capture/decode"

var (
	_ = describe(decode.TypeBitTorrent, "BitTorrent", bittorrentFields)
	_ = show(decode.TypeBTDHT, dhtLine, dhtFields)
)

var (
	fBTHash   = decode.Define("bittorrent.info_hash", "Info hash", decode.KindBytes).At(28, 20).InLine(" handshake, hash ")
	fBTPeer   = decode.Define("bittorrent.peer_id", "Peer ID", decode.KindBytes).At(48, 20)
	fBTLength = decode.Define("bittorrent.msg.length", "Message length", decode.KindUint).As("length").At(0, 4)
	fBTType   = decode.Define("bittorrent.msg.type", "Message type", decode.KindUint).As("type").At(4, 1).Means(btType).InLine(" ")
	fBTIndex  = decode.Define("bittorrent.piece.index", "Piece index", decode.KindUint).As("piece").At(5, 4).InLine(" piece ")
	fBTBegin  = decode.Define("bittorrent.piece.begin", "Begin in the piece", decode.KindUint).As("begin").At(9, 4)
	fBTSize   = decode.Define("bittorrent.piece.length", "Piece length", decode.KindUint).As("size").At(13, 4)

	fDHTMessage = decode.Define("bt-dht.message", "Message", decode.KindText)
	fDHTQuery   = decode.Define("bt-dht.query", "Query", decode.KindText)
)

// bittorrentFields describes a handshake or a message between peers (BEP 3).
func bittorrentFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) > 0 && data[0] == 19 {
		w.Add(0, fBTHash, fBTPeer)
		return
	}
	w.Add(0, fBTLength, fBTType)
	if len(data) < 5 {
		return
	}
	switch data[4] {
	case 4:
		w.Add(0, fBTIndex)
	case 6, 8:
		w.Add(0, fBTIndex, fBTBegin, fBTSize)
	case 7:
		w.Add(0, fBTIndex, fBTBegin)
	}
}

var btType = decode.Names{
	0: "Choke", 1: "Unchoke", 2: "Interested", 3: "Not Interested", 4: "Have", 5: "Bitfield", 6: "Request", 7: "Piece", 8: "Cancel", 9: "Port",
	13: "Suggest Piece", 14: "Have All", 15: "Have None", 16: "Reject Request", 17: "Allowed Fast", 20: "Extended",
}.Of

// bencoded returns the text that stands as the value of a key of one letter in the outermost dictionary; good enough for
// what the DHT sends, in which the keys stand in order and y, the kind, comes last (BEP 5).
func bencoded(data []byte, key byte) (off, n int) {
	for i := 1; i+2 < len(data) && i < 2048; {
		c := data[i]
		switch {
		case c >= '0' && c <= '9':
			size := 0
			start := i
			for ; i < len(data) && data[i] >= '0' && data[i] <= '9' && size < 1<<16; i++ {
				size = size*10 + int(data[i]-'0')
			}
			if i >= len(data) || data[i] != ':' {
				return 0, 0
			}
			i++
			if size == 1 && i+2 < len(data) && data[i] == key && data[start-1] != ':' && data[i+1] >= '1' && data[i+1] <= '9' {
				v := 0
				j := i + 1
				for ; j < len(data) && data[j] >= '0' && data[j] <= '9' && v < 256; j++ {
					v = v*10 + int(data[j]-'0')
				}
				if j < len(data) && data[j] == ':' && j+1+v <= len(data) {
					return j + 1, v
				}
			}
			i += size
		default:
			i++
		}
	}
	return 0, 0
}

func dhtFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if off, n := bencoded(data, 'y'); n == 1 {
		w.Bytes(fDHTMessage, off, n)
	}
	if off, n := bencoded(data, 'q'); n > 0 {
		w.Bytes(fDHTQuery, off, n)
	}
}

func dhtLine(b, data []byte, _ bool) ([]byte, bool) {
	b = append(b, "BT-DHT"...)
	if off, n := bencoded(data, 'y'); n == 1 {
		switch data[off] {
		case 'q':
			b = append(b, " query"...)
		case 'r':
			b = append(b, " response"...)
		case 'e':
			b = append(b, " error"...)
		}
	}
	if off, n := bencoded(data, 'q'); n > 0 {
		b = decode.AppendEscaped(append(b, ' '), data[off:off+min(n, 32)])
	}
	return b, true
}
