// Package flow says what TCP did: it follows the streams of a capture, in one pass over decoded packets, and gives a
// verdict for each segment that is not plain progress, and for each connection.
//
//	t := flow.NewTracker(nil)
//	for frame := range frames {
//		decoder.Decode(frame, &p)
//		history.Add(&p) // sets p.Number
//		r := t.Add(&p)
//		for i := range r.Verdicts {
//			fmt.Println(r.Verdicts[i].Packet, r.Verdicts[i].String())
//		}
//	}
//
// A [Tracker] follows streams and hands out their bytes; a [Defragmenter] puts fragments together, before it. A
// [Choice] is an expression over what was found, a [Summary] what stays of a stream, and package message reads HTTP,
// TLS and DNS from the bytes.
//
// # What a stream is
//
// Two addresses, two ports, the VLAN ids and the tunnel id around them, the interface where Config.Interfaces asks for
// it, and time: a SYN with another sequence number begins another stream. Where each direction has a link context of
// its own, as on mirrored ports and in overlays, the two are one stream. A stream may begin without a SYN and end
// without a FIN. Forward is from the side that sent the SYN, or, where none was seen, from the sender of the first
// packet. Fragments are passed over; what a Defragmenter makes of them is added. Packets that ICMP errors quote are no
// part of a stream.
//
// # How each verdict is reached
//
// The capture is at one place on the way between two hosts. What is before it and what behind it is seen from a
// segment: its sender is before, its receiver behind.
//
// A segment that goes on where its direction stands is plain progress. One that starts later leaves a hole. One that
// brings bytes from before fills a hole, or repeats what was seen. Which of its packets was sent first is told by, in
// this order,
//
//   - the IP identification, where it counts up with each packet of the connection, as that of Linux does: it is
//     tested, and one that stands still or jumps is not believed;
//   - the timestamp option, whose clock ticks about once a millisecond. Two that are equal, a round trip or more apart,
//     are of packets that were sent together: a retransmission takes at least that long;
//   - the acknowledgement number, and the timestamp that is echoed: they do not go back;
//   - the place, where the capture is on the sender itself: it has its packets in the order in which they were sent;
//   - the time, if nothing else tells: what fills a hole in less than half a round trip cannot be an answer to the
//     packet behind the hole, if no timer can have run out meanwhile. What comes a round trip later was sent again, if
//     the receiver had asked, and no packet of the direction has been so late before.
//
// Where none of these tells it is Undecided (NoOrder). That is so with IPv6, which has no identification, for packets
// within one tick of the sender's timestamps on a short way, or early in a connection, when round trip and tick are not
// yet known.
//
// Reordered fills a hole and was sent before what is behind it. Places counts the packets that overtook it.
//
// Retransmission repeats bytes, or fills a hole and was sent after what is behind it. Its cause is found by following
// the sender as Linux works: SACK or Fast where the receiver had shown a loss, until all is acknowledged that was on
// its way then; Timer where nothing had come for at least 200 ms, and for what is repeated after that until all of it
// is acknowledged; TailProbe where the end of the stream is repeated once, and the receiver had shown nothing. Far from
// the sender, the acknowledgements that are seen are not yet those that it had: a round trip to the sender is allowed
// for. Unknown is what fits none.
//
// LostBefore is said with a Retransmission that fills a hole. It cannot be said where nothing behind the lost bytes
// came before they were sent again: the end of a burst, captured behind its loss, looks like plain progress.
//
// LostBehind is said of a segment that was seen, and sent again, where the packets show that the first sending had not
// come to the receiver when the other did. Spurious is said of the retransmission instead, where they show that it had.
// They show it by
//
//   - the acknowledgement, also a selective one, that was captured before the retransmission (Acknowledged);
//   - the timestamp that the acknowledgement echoes, where the segment was the first that was missing (RFC 7323,
//     section 4.3): it is that of the sending that came, if no other segment that was acknowledged with it has the
//     same. A receiver may have acknowledged it before, in an answer that was not captured: where it is not known to be
//     the next answer, that is not believed;
//   - a DSACK (RFC 2883): two sendings came. It is not believed where the network made two of a packet, which explains
//     it, where it tells of bytes that were sent once, and where it is an old block that a receiver repeats. Of a
//     segment that was sent three times only two DSACKs tell, that all three came;
//   - no DSACK, or without selective acknowledgements no repeated acknowledgement, where all answers of the receiver
//     are captured: its IP identifications count, and none is missing. That is said at once, and taken back where an
//     answer is missing in the time in which it would have come: two round trips and half a second. It is not said where
//     the acknowledgement came sooner than half the shortest round trip: the second sending may have been lost, and the
//     first late;
//   - the place: what is captured at its receiver itself has come (Acknowledged), unless the receiver says a little
//     later what it has, and that is not among it: it had no room, or the packet was older than the newest timestamp
//     (PAWS, RFC 7323, section 5.3);
//   - the time: an acknowledgement came in less than a quarter of the shortest time in which one ever did (Time).
//
// Else it is Undecided (NoAnswer): an answer of the receiver that was not captured would tell. That is so with IPv6,
// which has no identification, unless the timestamp tells, for a SYN without timestamps, and for what was sent again in
// pieces or in one. A packet so late that it comes when the connection has ended, or when nothing tells of it any more,
// counts as lost.
//
// Missed is what the receiver acknowledged, or selected, and the capture does not have; or what a Drops of a frame
// tells, or what a host's own capture of its own packets lacks. Where an acknowledgement is captured just before its
// data, nothing is said but that the data is Reordered. Packets without data that are missing leave no trace.
//
// Duplicate and Copy are the same packet again: the same identification, or flow label, timestamps, numbers and
// checksum, within 3 seconds, or within 3 ms where there is neither. Copy is seen at another interface, with another
// time to live or other link addresses: captured twice. Duplicate is not: the network made it. Neither is a part of the
// stream.
//
// Corrupt has a wrong checksum. Nothing in it is believed, and its bytes count as lost. What brings them again is a
// Retransmission, but not LostBefore. A damaged first packet begins a stream, with this verdict; when one with a right
// checksum comes, it is forgotten what the damaged one said. Where none of the first packets of a direction has a right
// one (later, one is by chance), or the receiver acknowledges the bytes and nothing else brought them, and a third of
// the packets with data is like that, the checksums are not believed instead: the capture changed the packets, or a
// device was to fill them in.
//
// DuplicateAck acknowledges what was acknowledged before, while data is on its way, with the same window or a new
// selective block and no data. ZeroWindow, WindowUpdate, WindowFull, WindowProbe and KeepAlive follow RFC 9293,
// sections 3.8.4 and 3.8.6; without both SYNs the scale of the windows is not known, and WindowFull is not said. Reset
// names the packet that it answers, by its numbers (section 3.5.2); an RST that a program caused answers none. An RST
// outside the window is Stray, as is what is far from all that the connection is at, until four such segments follow
// each other, or one is where the receiver's acknowledgements are too: then the capture has a gap, which is said once,
// as Missed.
//
// Conflict: other bytes for the same place. Those that came first are handed out. It is told where the bytes are handed
// out, as far back as they are kept: what is not acknowledged, and a little more.
//
// A verdict that turns out wrong is said again, Retracted, and no longer counted.
//
// # Connections
//
// A round trip is from a segment to its acknowledgement, at the place of the capture; those of both directions make the
// whole. A segment that was sent again gives one only where its timestamp is echoed. What limits a direction is asked
// at each of its packets: the network, while a loss is repaired; the receiver, while no full segment fits into its
// window; the application, while nothing is on its way, or the last segment was short and pushed; else the network,
// whose acknowledgements are waited for.
//
// # Bounds
//
// Config bounds streams, bytes of a stream, and bytes in all. What was not used for longest is given up first, which is
// the same on every run. Each direction keeps 8,192 stretches of segments on their way at most, and the work for a
// packet is bounded by them. Lost counts what was given up.
package flow
