package device

import (
	"context"
	"errors"
	"fmt"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

// Errors of Assign and Unassign.
var (
	// ErrOtherAssignment says that the device is not assigned to the ACS that the
	// caller expected.
	ErrOtherAssignment = errors.New("assigned otherwise")
	// ErrNoRoom says that the registry holds as many devices as it may.
	ErrNoRoom = errors.New("no room for another device: raise devices.max_devices")
)

// Assign records that a device belongs to an ACS, and why. It returns nil once
// the store has it for good. With expectACS, it does so only if the device is
// assigned to that ACS now ("": to none), else it returns ErrOtherAssignment.
// The device need not be known.
func (r *Registry) Assign(ctx context.Context, id cwmp.DeviceID, acs, reason string, expectACS *string) error {
	if acs == "" {
		return fmt.Errorf("assign %s: no ACS", id)
	}
	a := Assignment{HomeACS: acs, AssignReason: reason, AssignedAt: r.now()}
	if err := r.assign(ctx, id, a, expectACS); err != nil {
		return fmt.Errorf("assign %s to %q: %w", id, acs, err)
	}
	return nil
}

// Unassign ends a device's assignment; it is no error if there is none. The
// store keeps that it ended, when and why, so that revisions go on.
func (r *Registry) Unassign(ctx context.Context, id cwmp.DeviceID, reason string, expectACS *string) error {
	a := Assignment{AssignReason: reason, AssignedAt: r.now()}
	if err := r.assign(ctx, id, a, expectACS); err != nil {
		return fmt.Errorf("unassign %s: %w", id, err)
	}
	return nil
}

func (r *Registry) assign(ctx context.Context, id cwmp.DeviceID, a Assignment, expectACS *string) error {
	for name, s := range map[string]string{"ACS": a.HomeACS, "reason": a.AssignReason} {
		if len(s) > maxText {
			return fmt.Errorf("%s of %d bytes: want at most %d", name, len(s), maxText)
		}
	}
	if err := r.makeRoom(&id); err != nil {
		return err
	}
	for {
		revision, err := r.swap(ctx, id, a, expectACS)
		if errors.Is(err, store.ErrConflict) {
			continue // somebody was quicker: look again
		}
		if err == nil && revision != 0 {
			r.setAssignment(&id, a, revision)
		}
		return err
	}
}

// makeRoom makes sure that what the store will have can be recorded.
func (r *Registry) makeRoom(id *cwmp.DeviceID) error {
	switch r.change(id, softState, func(_ *shard, st state) (state, extent) { return st, storedChange }) {
	case "":
		return nil
	case refusedIdentity:
		return errors.New("not an identity: no OUI and no serial number, or too long")
	}
	return ErrNoRoom
}

// swap writes the assignment if it is the expected one. Revision 0 says that
// there is nothing to write.
func (r *Registry) swap(ctx context.Context, id cwmp.DeviceID, a Assignment, expectACS *string) (uint64, error) {
	key := assignPrefix + id.String()
	entry, err := r.store.Get(ctx, key)
	found := !errors.Is(err, store.ErrNotFound)
	if found && err != nil {
		return 0, err
	}
	var current Assignment
	if found {
		current, err = decodeAssignment(entry.Value)
		if err != nil && expectACS != nil {
			return 0, fmt.Errorf("the assignment in the store makes no sense: %w", err)
		}
	}
	if expectACS != nil && current.HomeACS != *expectACS {
		return 0, fmt.Errorf("%w: to %q, expected %q", ErrOtherAssignment, current.HomeACS, *expectACS)
	}
	if !found && a.HomeACS == "" {
		return 0, nil
	}
	return r.store.Put(ctx, key, encodeAssignment(a), store.PutOptions{Expect: store.Revision(entry.Revision)})
}
