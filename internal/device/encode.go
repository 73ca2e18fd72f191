package device

import (
	"net/netip"

	"github.com/acsgate/acsgate/internal/store"
)

// Encode returns what the store holds of a device, for tools that fill one.
func Encode(rec Record) []store.Write {
	own := func(s string) text { return text{own: []byte(s)} }
	st := state{
		acs: own(rec.CurrentACS), rule: own(rec.Rule), listener: own(rec.Listener),
		manufacturer: own(rec.ID.Manufacturer), software: own(rec.SoftwareVersion), root: own(rec.Root),
		url: own(rec.ConnectionRequestURL), udp: own(rec.UDPConnectionRequestAddress),
		source: plainSource(rec.Source), first: toSeconds(rec.FirstSeen), last: toSeconds(rec.LastInform),
		local: own(localText(rec.Local)), events: newEventSet(rec.LastEvents), sessions: rec.Sessions, failed: rec.Failed, faults: rec.Faults,
		lastFailed: rec.LastFailed,
	}
	var t tables
	id := rec.ID.String()
	writes := []store.Write{{Key: devicePrefix + id, Value: t.encodeSoft(nil, &st)}}
	if rec.HomeACS != "" {
		writes = append(writes, store.Write{Key: assignPrefix + id, Value: encodeAssignment(rec.Assignment)})
	}
	return writes
}

func localText(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}
