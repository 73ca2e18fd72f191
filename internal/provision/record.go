package provision

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/acsgate/acsgate/policy"
)

// Record is what is kept of a device.
type Record struct {
	Root string // of its data model
	Set  policy.STUNRecord
	Undo policy.STUNRecord
	// Ours tells that the CPE has, or may have, what it was given; Undone that this
	// was taken back.
	Ours, Undone bool
	// Former are the values that the CPE had, and Given those that it was given
	// since, by parameter name without the root. Neither has passwords.
	Former, Given map[string]string
	Notified      bool
	// Last is the last attempt, for people; its maps are left out.
	Last policy.STUNOutcome
}

// afterSet returns the record after an attempt to set. One that ended before
// anything was to be set leaves it as it is.
func (r Record) afterSet(o policy.STUNOutcome, s policy.STUNSettings, root, software string, now time.Time) Record {
	if o.Result == policy.STUNNotTried {
		return r
	}
	r.Root, r.Set, r.Undone = root, r.Set.After(o, s, software, now), false
	r.Former, r.Given = maps.Clone(r.Former), maps.Clone(r.Given)
	if r.Given == nil {
		r.Former, r.Given = map[string]string{}, map[string]string{}
	}
	for name, value := range o.Set {
		had, told := o.Former[name]
		if before, given := r.Given[name]; told && (!given || before != had) {
			r.Former[name] = had // and not what it was given by an earlier attempt
		}
		r.Given[name] = value
	}
	r.Ours = len(r.Given) > 0
	r.Notified = r.Notified || o.Notified
	r.Last = brief(o)
	return r
}

// afterUndo returns the record after an attempt to take back.
func (r Record) afterUndo(o policy.STUNOutcome, s policy.STUNSettings, software string, now time.Time) Record {
	if o.Result == policy.STUNNotTried {
		return r
	}
	r.Undo, r.Last = r.Undo.After(o, s, software, now), brief(o)
	switch o.Result {
	case policy.STUNDone, policy.STUNAlready, policy.STUNUnsupported:
		r.Ours, r.Undone, r.Notified, r.Former, r.Given = false, true, false, nil, nil
	}
	return r
}

func brief(o policy.STUNOutcome) policy.STUNOutcome {
	o.Former, o.Set = nil, nil
	return o
}

// done is what an undo takes back.
func (r *Record) done() policy.STUNOutcome {
	return policy.STUNOutcome{Former: r.Former, Set: r.Given, Notified: r.Notified}
}

// version is that of stored records.
const version = 1

// stored is a record as the store has it.
type stored struct {
	Version   int               `json:"version"`
	Root      string            `json:"root"`
	Set       storedAttempt     `json:"set"`
	Undo      storedAttempt     `json:"undo,omitzero"`
	Ours      bool              `json:"ours,omitempty"`
	Undone    bool              `json:"undone,omitempty"`
	Former    map[string]string `json:"former,omitempty"`
	Given     map[string]string `json:"given,omitempty"`
	Notified  bool              `json:"notified,omitempty"`
	Result    string            `json:"result,omitempty"` // of the last attempt
	Detail    string            `json:"detail,omitempty"`
	FaultCode string            `json:"fault_code,omitempty"`
	Parameter string            `json:"parameter,omitempty"`
	Left      []string          `json:"left,omitempty"`
}

type storedAttempt struct {
	Fingerprint     string    `json:"fingerprint"`
	SoftwareVersion string    `json:"software_version,omitempty"`
	Result          string    `json:"result"`
	Runs            int       `json:"runs"`
	At              time.Time `json:"at"`
}

func toStored(r policy.STUNRecord) storedAttempt {
	return storedAttempt{r.Fingerprint, r.SoftwareVersion, string(r.Result), r.Runs, r.At.UTC()}
}

func (a *storedAttempt) record() policy.STUNRecord {
	return policy.STUNRecord{
		Fingerprint: a.Fingerprint, SoftwareVersion: a.SoftwareVersion, Result: policy.STUNResult(a.Result), Runs: a.Runs, At: a.At,
	}
}

func (r *Record) encode() ([]byte, error) {
	s := stored{
		Version: version, Root: r.Root, Set: toStored(r.Set), Ours: r.Ours, Undone: r.Undone, Former: r.Former, Given: r.Given,
		Notified: r.Notified, Result: string(r.Last.Result), Detail: r.Last.Detail, FaultCode: r.Last.FaultCode, Parameter: r.Last.Parameter, Left: r.Last.Left,
	}
	if r.Undo.Fingerprint != "" {
		s.Undo = toStored(r.Undo)
	}
	return json.Marshal(s)
}

func decode(value []byte) (Record, error) {
	var s stored
	if err := json.Unmarshal(value, &s); err != nil {
		return Record{}, err
	}
	if s.Version != version {
		return Record{}, fmt.Errorf("version %d is not known", s.Version)
	}
	return Record{
		Root: s.Root, Set: s.Set.record(), Undo: s.Undo.record(), Ours: s.Ours, Undone: s.Undone, Former: s.Former, Given: s.Given,
		Notified: s.Notified,
		Last: policy.STUNOutcome{
			Result: policy.STUNResult(s.Result), Detail: s.Detail, FaultCode: s.FaultCode, Parameter: s.Parameter, Left: s.Left, Notified: s.Notified,
		},
	}, nil
}
