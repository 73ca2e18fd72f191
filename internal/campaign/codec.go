package campaign

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/acsgate/acsgate/policy"
)

// Prefixes of keys. The name of the campaign follows, and after that of a device
// its string form.
const (
	headPrefix   = "campaign/"
	memberPrefix = "campaign-device/"
)

// version is the first byte of a member's value, and a field of a campaign's.
// Later versions may append to a member's value; readers leave that out.
const version = 1

var (
	errVersion = errors.New("version is not known")
	errShort   = errors.New("value is too short")
	errState   = errors.New("value cannot be")
)

// Statuses of a campaign that is not there yet, or not any more.
const (
	preparing Status = "preparing"
	removing  Status = "removing"
)

// head is what is durable of a campaign beside its members.
type head struct {
	Version int    `json:"version"`
	Seq     uint64 `json:"seq"` // later campaigns have higher ones
	Definition
	Steps  []policy.WaveConfig `json:"steps"` // the waves, with the canary and all defaults
	Listed int                 `json:"listed,omitempty"`
	Status Status              `json:"status"`
	Reason string              `json:"reason"`
	Phase  int                 `json:"phase"`
	Wave   int                 `json:"wave"`
	Waived bool                `json:"waived,omitempty"` // the operator goes on though the wave's criteria failed
	// Back says that rolling back has begun: what was only routed is back for good,
	// also when the rest of it is cancelled.
	Back bool `json:"back,omitempty"`
	// Over says of a failover that the outage for which it was made is over. What
	// has ended it before that, an operator or its criteria, holds until then.
	Over bool `json:"over,omitempty"`
	// Anew says of a failover that the ACS has failed again while its devices
	// returned, and that they are not all made ready for that yet.
	Anew        bool      `json:"anew,omitempty"`
	Created     time.Time `json:"created"`
	Started     time.Time `json:"started"`
	WaveStarted time.Time `json:"wave_started"`
	Routed      time.Time `json:"routed"` // end of the first phase of two
	Changed     time.Time `json:"changed"`
}

func (h *head) encode() ([]byte, error) {
	h.Version = version
	return json.Marshal(h)
}

func decodeHead(name string, value []byte) (h head, err error) {
	if err := json.Unmarshal(value, &h); err != nil {
		return h, err
	}
	switch {
	case h.Version != version:
		return h, errVersion
	case h.Name != name || h.Phase < 1 || h.Phase > 2 || h.Wave < 0 || h.Wave >= max(1, len(h.Steps)) || !h.Status.known():
		return h, errState
	}
	return h, nil
}

func (s Status) known() bool {
	return s == preparing || s == removing || slices.Contains(statuses(), s)
}

func statuses() []Status {
	return []Status{Draft, Running, Paused, Halted, RollingBack, Done, Cancelled, RolledBack}
}

// encode appends a member's value: fixed fields, the texts, the last two of
// which are not used any more, and what was added later.
func (c *campaign) encode(b []byte, m *member) []byte {
	b = append(b, version, byte(m.state), byte(m.flags), m.wave, m.tries)
	b = binary.AppendUvarint(b, uint64(m.at))
	for _, n := range [...]uint32{m.url, m.user, m.reason, m.from, 0, 0} {
		text := c.texts.at(n)
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	if m.writeBacks > 0 {
		b = append(b, m.writeBacks)
	}
	return b
}

// decode reads what encode wrote, all but the identity, which is the key.
func (c *campaign) decode(b []byte) (m member, err error) {
	if len(b) < 5 {
		return m, errShort
	}
	if b[0] != version {
		return m, errVersion
	}
	m.state, m.flags, m.wave, m.tries = State(b[1]), flags(b[2]), b[3], b[4]
	if m.state >= numStates || int(m.wave) >= max(1, len(c.Steps)) {
		return m, errState
	}
	at, n := binary.Uvarint(b[5:])
	if n <= 0 || at > 1<<32-1 {
		return m, errShort
	}
	m.at = uint32(at)
	b = b[5+n:]
	var parts [6]string
	for i := range parts {
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)-n) {
			return m, errShort
		}
		if length > maxText {
			return m, fmt.Errorf("text of %d bytes: %w", length, errState)
		}
		parts[i] = string(b[n : n+int(length)])
		b = b[n+int(length):]
	}
	for i, to := range [...]*uint32{&m.url, &m.user, &m.reason, &m.from} {
		*to = c.texts.number(parts[i])
	}
	if len(b) > 0 {
		m.writeBacks = b[0]
	}
	return m, nil
}
