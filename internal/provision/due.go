package provision

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/policy"
)

// Input is what a session tells of its device.
type Input struct {
	policy.SelectorInput
	Root                 string // of its data model
	ConnectionRequestURL string // as the CPE tells it
	Events               []string
}

// Task is something to be done to a device in this session.
type Task struct {
	Device   cwmp.DeviceID
	Undo     bool
	Why      string
	Settings policy.STUNSettings // holds a password

	kept           policy.STUNSettings // as they are recorded
	root, software string
	record         Record // before it
}

// readTimeout bounds the reading of a record.
const readTimeout = 2 * time.Second

// Due tells whether there is something to be done to a device, and why or why
// not. It reads the store for a device alone that has had something done to it
// before and is due again. A CPE keeps what it has when it is behind a NAT no
// more; it loses it when the rule selects it no more.
func (b *Book) Due(rule *Rule, in *Input) (task *Task, why string) {
	b.mu.RLock()
	e, known := b.index[b.hash(in.Device.Key())]
	b.mu.RUnlock()
	selected := rule.selects(&in.SelectorInput)
	if !selected && !e.ours {
		return nil, "the CPE is not selected"
	}
	lost := e.undone || slices.Contains(in.Events, cwmp.EventBootstrap)
	if selected && !lost && e.set.settled(rule.fingerprint) { // nearly every session
		return nil, "the CPE has the settings"
	}
	if in.Root != policy.RootTR098 && in.Root != policy.RootDevice {
		return nil, "the CPE does not tell the root of its data model"
	}
	task = &Task{Device: in.Device, Undo: !selected, root: in.Root, software: in.SoftwareVersion}
	due := false
	if selected {
		if behind, why := policy.BehindNAT(in.Source, in.ConnectionRequestURL); !behind && !rule.cfg.Always && !e.ours {
			return nil, why
		}
		task.kept = rule.kept
		due, task.Why = e.set.due(task.kept, in.SoftwareVersion, lost, b.deps.Now())
	} else {
		task.kept = rule.none()
		due, task.Why = e.undo.due(task.kept, in.SoftwareVersion, true, b.deps.Now())
	}
	switch {
	case !due:
		return nil, task.Why
	case task.Undo:
		task.Why = rule.unselected(&in.SelectorInput) + ": " + task.Why
	default:
		task.Settings = rule.settings(&in.Device)
		task.Settings.Password = new(password(b.deps.PasswordKey, &in.Device, rule.cfg.Generation))
	}
	if err := b.admit(task, known); err != nil {
		return nil, err.Error()
	}
	return task, task.Why
}

func (a *attempt) due(s policy.STUNSettings, software string, lost bool, now time.Time) (due bool, why string) {
	return a.record().Due(s, software, lost, now)
}

// admit tells why a task that is due cannot be begun, and completes it.
func (b *Book) admit(t *Task, known bool) error {
	devices, waiting := b.sizes()
	switch {
	case t.Device.SerialNumber == "" || store.CheckKey(prefix+t.Device.String()) != nil: // any number of CPEs may be nobody (quirk C-52)
		return b.metrics.refuse(refusedID, "its identity is empty or too long")
	case !known && devices >= maxDevices:
		return b.metrics.refuse(refusedIndex, "there is no room for further devices")
	case waiting >= maxWaiting:
		return b.metrics.refuse(refusedQueue, "the store is behind")
	}
	if name := t.Settings.Username; name != nil && b.deps.Owner != nil {
		if owner, taken := b.deps.Owner(*name); taken && owner.Key() != t.Device.Key() {
			return b.metrics.refuse(refusedUser, "its STUN user name is that of device "+owner.String())
		}
	}
	if !known {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	var err error
	if t.record, _, err = b.Lookup(ctx, t.Device); err != nil {
		return b.metrics.refuse(refusedStore, err.Error())
	}
	return nil
}

// Program returns what carries a task out.
func (t *Task) Program() (*policy.STUNSet, error) {
	if t.Undo {
		return policy.NewSTUNUndo(t.root, t.record.done())
	}
	return policy.NewSTUNSet(t.root, t.Settings)
}

// Note records how a task stands: when the CPE is about to be asked to set
// something, so that it is not asked again if that is all that is ever heard, and
// when the task has ended. It does not block.
func (b *Book) Note(t *Task, o policy.STUNOutcome) {
	if o.Result == policy.STUNNotTried {
		return
	}
	var r Record
	if t.Undo {
		r = t.record.afterUndo(o, t.kept, t.software, b.deps.Now())
	} else {
		r = t.record.afterSet(o, t.kept, t.root, t.software, b.deps.Now())
	}
	b.put(&t.Device, &r)
}

// Ended is Note at the end of a task, and counts it.
func (b *Book) Ended(t *Task, o policy.STUNOutcome) {
	b.metrics.result(t.Undo, o.Result)
	b.Note(t, o)
}

// refuse counts what cannot be begun, and returns why.
func (m *metrics) refuse(reason, why string) error {
	m.refused.WithLabelValues(reason).Inc()
	return errors.New(why)
}
