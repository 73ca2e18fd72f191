package provision

import (
	"time"
	"unique"

	"github.com/acsgate/acsgate/policy"
)

// entry is what is in memory of a device: enough to say that nothing is due.
type entry struct {
	set, undo    attempt
	ours, undone bool
}

// attempt is a policy.STUNRecord whose texts, which many devices share, are kept
// once.
type attempt struct {
	fingerprint, software, result unique.Handle[string]
	at                            uint32 // seconds; 0 for a device that was never asked
	runs                          uint8
}

func newEntry(r *Record) entry {
	return entry{set: newAttempt(&r.Set), undo: newAttempt(&r.Undo), ours: r.Ours, undone: r.Undone}
}

func newAttempt(r *policy.STUNRecord) attempt {
	if r.Fingerprint == "" {
		return attempt{}
	}
	return attempt{
		unique.Make(r.Fingerprint), unique.Make(r.SoftwareVersion), unique.Make(string(r.Result)),
		uint32(max(1, min(r.At.Unix(), 1<<32-1))), uint8(max(0, min(r.Runs, 255))),
	}
}

func (a *attempt) record() policy.STUNRecord {
	if a.at == 0 {
		return policy.STUNRecord{}
	}
	return policy.STUNRecord{
		Fingerprint: a.fingerprint.Value(), SoftwareVersion: a.software.Value(), Result: policy.STUNResult(a.result.Value()),
		Runs: int(a.runs), At: time.Unix(int64(a.at), 0),
	}
}

// settled tells whether settings of that fingerprint are on the CPE, as
// policy.STUNRecord does.
func (a *attempt) settled(fingerprint unique.Handle[string]) bool {
	return a.at != 0 && a.fingerprint == fingerprint && (a.result == resultDone || a.result == resultAlready)
}

var (
	resultDone    = unique.Make(string(policy.STUNDone))
	resultAlready = unique.Make(string(policy.STUNAlready))
)
