package device

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

// Load reads the registry from the store. It is called once, before Run and
// before the first session. Values that cannot be decoded are left out, counted
// and logged once. An error means that the store could not be read to its end;
// what was read until then is known.
func (r *Registry) Load(ctx context.Context) error {
	// Assignments first: if there is not room for all, they matter most.
	if err := r.loadAll(ctx, assignPrefix, r.loadAssignment); err != nil {
		return fmt.Errorf("load assignments: %w", err)
	}
	if err := r.loadAll(ctx, devicePrefix, r.loadDevice); err != nil {
		return fmt.Errorf("load devices: %w", err)
	}
	return nil
}

// loader takes one entry of the store; damage says why it makes no sense.
type loader func(id cwmp.DeviceID, e store.Entry) (refused reason, damage error)

func (r *Registry) loadAll(ctx context.Context, prefix string, load loader) error {
	damaged, left := 0, 0
	var firstKey string
	var first error
	err := r.store.Scan(ctx, prefix, func(e store.Entry) error {
		var refused reason
		id, damage := cwmp.ParseDeviceID(e.Key[len(prefix):])
		if damage == nil {
			refused, damage = load(id, e)
		}
		switch {
		case damage != nil:
			r.metrics.damaged.Inc()
			if damaged++; first == nil {
				firstKey, first = e.Key, damage
			}
		case refused != "":
			r.metrics.refuse(refused)
			left++
		}
		return nil
	})
	if damaged > 0 {
		r.log.Error("entries of the store make no sense and are left out",
			zap.Int("entries", damaged), zap.String("first", firstKey), zap.Error(first))
	}
	if left > 0 {
		r.log.Error("the store has more devices than the registry may hold: raise devices.max_devices",
			zap.Int("left_out", left), zap.Int("max_devices", r.cfg.MaxDevices))
	}
	return err
}

func (r *Registry) loadDevice(id cwmp.DeviceID, e store.Entry) (refused reason, damage error) {
	refused = r.change(&id, softState, func(s *shard, st state) (state, extent) {
		if st.last != 0 { // noted meanwhile, and newer
			return st, noChange
		}
		if damage = s.decodeSoft(e.Value, &st); damage != nil {
			return st, noChange
		}
		return st, storedChange
	})
	return refused, damage
}

func (r *Registry) loadAssignment(id cwmp.DeviceID, e store.Entry) (refused reason, damage error) {
	a, damage := decodeAssignment(e.Value)
	if damage != nil {
		return "", damage
	}
	return r.setAssignment(&id, a, e.Revision), nil
}

// setAssignment records what the store has, unless something newer is known.
func (r *Registry) setAssignment(id *cwmp.DeviceID, a Assignment, revision uint64) reason {
	return r.change(id, durableState, func(s *shard, st state) (state, extent) {
		if revision <= st.revision {
			return st, noChange
		}
		st.revision, st.home, st.reason = revision, text{}, text{}
		st.home.set(a.HomeACS, s.ours, maxText)
		st.reason.set(a.AssignReason, s.ours, maxText)
		st.assigned = toSeconds(a.AssignedAt)
		return st, storedChange
	})
}
