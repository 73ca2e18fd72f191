package connreq

// trialAfter is how many requests in seconds a device leaves unanswered, over a
// binding that was fresh, before milliseconds are tried.
const trialAfter = 3

// The unit of ts.
//
// FreeACS writes ts in milliseconds. A CPE that has accepted such a ts refuses
// all seconds until it restarts, for they seem older (quirk S-33). So a device
// that came from FreeACS may be deaf to what is right for all others. On the
// other hand a ts in milliseconds, sent to a CPE that knows seconds, makes it
// deaf to every later request in seconds (quirk S-44). Hence:
//
//   - what Target says of the model holds;
//   - a device that has answered to milliseconds, ours or those of an ACS, gets
//     them until it restarts;
//   - a device that has ever answered to seconds gets seconds;
//   - of the others, one that left trialAfter requests in a row unanswered,
//     though its STUN packets kept coming, gets milliseconds once.
//
// BOOT and BOOTSTRAP mean that the CPE has forgotten every ts: it gets seconds
// again, which it now takes, and the count starts anew.

// milliseconds decides the unit for one request; trial tells that it is a guess.
func (r *record) milliseconds(t *Target) (millis, trial bool) {
	switch {
	case t.Milliseconds, r.millis:
		return true, false
	case r.seconds, r.tried, t.Stale, r.silent < trialAfter:
		return false, false
	}
	return true, true
}

// answered records that a request in that unit has woken the device.
func (r *record) answered(millis bool) {
	r.silent = 0
	if millis {
		r.millis = true
	} else {
		r.seconds, r.millis = true, false
	}
}

// unanswered records that a request that went out did not wake the device. A
// stale binding says nothing about the unit.
func (r *record) unanswered(millis, stale bool) {
	if !millis && !stale && r.silent < 255 {
		r.silent++
	}
}

// booted records that the device has restarted, and tells whether that changes
// anything.
func (r *record) booted() bool {
	if !r.millis && !r.tried && r.silent == 0 {
		return false
	}
	r.millis, r.tried, r.silent = false, false, 0
	return true
}
