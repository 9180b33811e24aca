package trace

// Complete tells whether no packet is to be expected any more: every connection was reset, or both ends
// have sent all that was written and a FIN, and all of it is acknowledged; and no packet is missing
// of a datagram that was sent. A connection of which an end is still open is not complete.
func (t *Timeline) Complete() bool {
	for _, f := range t.flows {
		if f.reset || f.back.reset {
			continue
		}
		if f.from == nil && f.back.from == nil {
			continue // somebody else's connection
		}
		if f.fin < 0 || f.finUnacked {
			return false
		}
	}
	for _, c := range t.Calls {
		if c.Silent && c.On.Kind != KindStream && len(c.Packets) == 0 {
			return false
		}
	}
	return true
}
