// Package flow says what TCP did: it follows the streams of a capture, in one pass over decoded packets, and gives a verdict for
// each segment that is not plain progress, and for each connection.
//
//	t := flow.NewTracker(nil)
//	for frame := range frames {
//		decoder.Decode(frame, &p)
//		history.Add(&p) // sets p.Number
//		r := t.Add(&p)
//		for i := range r.Verdicts {
//			fmt.Println(p.Number, r.Verdicts[i].String())
//		}
//	}
//
// A verdict has the numbers of the packets that prove it. What cannot be told is Undecided, with what would decide.
package flow
