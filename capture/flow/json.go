package flow

import (
	"strconv"
)

// AppendJSON adds the verdict as a JSON object, without what it is about:
//
//	{"kind":"retransmission","cause":"timer","evidence":[12,14],"offset":2896,"bytes":1448,"places":1,"delay_ns":204000000}
//
// What is none or 0 is left out, but for offset where there are bytes. One that takes an earlier verdict back has
// "retracted":true.
func (v *Verdict) AppendJSON(b []byte) []byte {
	b = append(b, `{"kind":"`...)
	b = append(append(b, v.Kind.String()...), '"')
	if v.Cause != NoCause {
		b = append(append(append(b, `,"cause":"`...), v.Cause.String()...), '"')
	}
	if first, second := v.Evidence(); first != 0 || second != 0 {
		b = append(b, `,"evidence":[`...)
		if first != 0 {
			b = strconv.AppendUint(b, first, 10)
		}
		if second != 0 {
			if first != 0 {
				b = append(b, ',')
			}
			b = strconv.AppendUint(b, second, 10)
		}
		b = append(b, ']')
	}
	if v.Bytes != 0 {
		b = strconv.AppendInt(append(b, `,"offset":`...), v.Offset, 10)
		b = strconv.AppendInt(append(b, `,"bytes":`...), int64(v.Bytes), 10)
	}
	if v.Places != 0 {
		b = strconv.AppendInt(append(b, `,"places":`...), int64(v.Places), 10)
	}
	if v.Delay != 0 {
		b = strconv.AppendInt(append(b, `,"delay_ns":`...), int64(v.Delay), 10)
	}
	if v.Retracted {
		b = append(b, `,"retracted":true`...)
	}
	return append(b, '}')
}
