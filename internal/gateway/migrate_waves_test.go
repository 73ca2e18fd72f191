package gateway

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/simnet"
)

// migrating is a world with devices to migrate, whose south can be made to have
// faults in its sessions.
type migrating struct {
	*moveWorld
	all   []*simnet.CPE
	fault atomic.Bool
}

func newMigrating(t *testing.T, devices int) *migrating {
	t.Helper()
	m := &migrating{}
	m.moveWorld = newMoveWorld(t, moveSetup{southDoes: func(*moveWorld) []simnet.RPC {
		if m.fault.Load() {
			return []simnet.RPC{simnet.GetValues("{root}No.Such.Parameter")}
		}
		return []simnet.RPC{simnet.GetValues("{root}DeviceInfo.UpTime")}
	}})
	for i := range devices {
		m.all = append(m.all, m.known("", i+1))
	}
	return m
}

// wave are the devices of a wave.
func (m *migrating) wave(name string, n int) (of []*simnet.CPE) {
	for _, x := range m.members(name) {
		for _, c := range m.all {
			if x.Device == c.Device().String() && x.Wave == n {
				of = append(of, c)
			}
		}
	}
	return of
}

func inWaves(mode string) admin.CampaignRequest {
	return admin.CampaignRequest{
		Name: "m", From: []string{"north"}, To: "south", Mode: mode, Everything: true,
		Waves:    []admin.CampaignWave{{Count: 2}, {Percent: 100}},
		Criteria: admin.CampaignGoals{Arrived: 100, SecondSession: 100, MinSample: 1},
	}
}

// TestMigration_Waves: the second wave begins when the first has held its second
// sessions, and not before.
func TestMigration_Waves(t *testing.T) {
	t.Parallel()
	m := newMigrating(t, 6)
	var moves, first int
	err := m.api.PreviewCampaign(t.Context(), inWaves("route"), func(v admin.MoveView) error {
		if v.Moves {
			moves++
		}
		if v.Moves && v.Wave == 0 {
			first++
		}
		return nil
	})
	if err != nil || moves != 6 || first != 2 {
		t.Errorf("the preview has %d moves, %d in the first wave: %v", moves, first, err)
	}
	m.begin(inWaves("route"))
	one, two := m.wave("m", 0), m.wave("m", 1)
	if len(one) != 2 || len(two) != 4 {
		t.Fatalf("%d and %d devices", len(one), len(two))
	}
	for range 2 {
		for _, c := range two {
			want(t, m.live(c), "north")
		}
		for _, c := range one {
			m.eventually("its turn has come", func() bool { return m.state("m", c) != "pending" })
			want(t, m.live(c), "south")
		}
	}
	for _, c := range two {
		m.member("m", c, "asked")
		want(t, m.live(c), "south")
		want(t, m.live(c), "south")
	}
	v := m.campaign("m", "done")
	if !slices.Equal(v.WaveTotals, []int{2, 4}) || v.Moved != 6 || v.WaveStarted == "" {
		t.Errorf("waves of %v devices, %d moved, the last since %q", v.WaveTotals, v.Moved, v.WaveStarted)
	}
	for i, n := range v.WaveCounts {
		if n["arrived"] != v.WaveTotals[i] {
			t.Errorf("wave %d has %v", i, n)
		}
	}
}

func (w *moveWorld) state(name string, c *simnet.CPE) string {
	for _, x := range w.members(name) {
		if x.Device == c.Device().String() {
			return x.State
		}
	}
	return ""
}

// TestMigration_HaltsOnFaults of the first wave; nobody of the second has moved.
func TestMigration_HaltsOnFaults(t *testing.T) {
	t.Parallel()
	for _, then := range []string{"halt", "rollback"} {
		t.Run(then, func(t *testing.T) {
			t.Parallel()
			m := newMigrating(t, 5)
			m.fault.Store(true)
			r := inWaves("route")
			r.Criteria.OnFailure = then
			m.begin(r)
			one, two := m.wave("m", 0), m.wave("m", 1)
			for _, c := range one {
				m.eventually("its turn has come", func() bool { return m.state("m", c) == "asked" })
				want(t, m.live(c), "south")
			}
			status := map[string]string{"halt": "halted", "rollback": "rolled_back"}[then]
			if v := m.campaign("m", status); !strings.Contains(v.Reason, "devices failed, more than 5 %") {
				t.Errorf("the reason is %q", v.Reason)
			}
			for _, c := range two {
				want(t, m.live(c), "north")
			}
			for _, c := range one {
				want(t, m.live(c), map[string]string{"halt": "south", "rollback": "north"}[then])
			}
			if then == "halt" { // the operator has seen to it
				m.fault.Store(false)
				m.act("m", "resume")
				for _, c := range append(one, two...) {
					m.eventually("its turn has come", func() bool { return m.state("m", c) != "pending" || slices.Contains(one, c) })
					want(t, m.live(c), "south")
					want(t, m.live(c), "south")
					m.member("m", c, "arrived")
				}
				m.campaign("m", "done")
			}
		})
	}
}

// TestMigration_RouteThenRewrite: first all are routed, then each URL is set, in a
// session with the ACS that they are at by then.
func TestMigration_RouteThenRewrite(t *testing.T) {
	t.Parallel()
	m := newMigrating(t, 3)
	m.begin(admin.CampaignRequest{Name: "m", From: []string{"north"}, To: "south", Mode: "route_then_rewrite", Everything: true})
	for _, c := range m.all {
		m.member("m", c, "asked")
		want(t, m.live(c), "south")
	}
	if v := m.campaign("m", "paused"); !strings.Contains(v.Reason, "resume to rewrite") {
		t.Errorf("%+v", v)
	}
	for _, c := range m.all {
		want(t, m.live(c), "south")
		if c.URL() != m.url("north") {
			t.Errorf("the CPE has %q", c.URL())
		}
	}
	m.act("m", "resume")
	for _, c := range m.all {
		m.member("m", c, "asked")
		want(t, m.live(c), "south", "south")
		m.member("m", c, "arrived")
		if c.URL() != m.url("south") {
			t.Errorf("the CPE has %q", c.URL())
		}
	}
	m.campaign("m", "done")
	_, err := m.api.CreateCampaign(t.Context(), inWaves("route"))
	m.refused(err, "none of the selected devices is on north")
	m.act("m", "rollback")
	for _, c := range m.all {
		m.member("m", c, "undoing")
		want(t, m.live(c), "south", "north")
		m.member("m", c, "undone")
	}
	m.campaign("m", "rolled_back")
}

// TestMigration_ListInWavesByPercent: of the devices that are listed half go first;
// the others follow, and who is not listed stays. The preview tells it all.
func TestMigration_ListInWavesByPercent(t *testing.T) {
	t.Parallel()
	m := newMigrating(t, 10)
	r := inWaves("rewrite")
	r.Everything, r.Waves = false, []admin.CampaignWave{{Percent: 50}, {Percent: 100}}
	for _, c := range m.all[:8] {
		r.Selector.Devices = append(r.Selector.Devices, c.Device().String())
	}
	shown := map[string]int{}
	err := m.api.PreviewCampaign(t.Context(), r, func(v admin.MoveView) error {
		shown[v.Device] = v.Wave
		return nil
	})
	if err != nil || len(shown) != 10 {
		t.Fatalf("the preview shows %v: %v", shown, err)
	}
	m.begin(r)
	one, two := m.wave("m", 0), m.wave("m", 1)
	if len(one) == 0 || len(two) == 0 || len(one)+len(two) != 8 {
		t.Fatalf("%d and %d devices", len(one), len(two))
	}
	for wave, all := range map[int][]*simnet.CPE{0: one, 1: two, -1: m.all[8:]} {
		for _, c := range all {
			if shown[c.Device().String()] != wave {
				t.Errorf("%s was shown in wave %d and is in %d", c.Device(), shown[c.Device().String()], wave)
			}
		}
	}
	for _, c := range append(m.all[8:], two...) {
		want(t, m.live(c), "north")
	}
	for _, c := range one {
		m.member("m", c, "asked")
		want(t, m.live(c), "north", "south")
		want(t, m.live(c), "south")
	}
	for _, c := range two {
		m.member("m", c, "asked")
		want(t, m.live(c), "north", "south")
		want(t, m.live(c), "south")
	}
	m.campaign("m", "done")
	for _, c := range m.all[8:] {
		want(t, m.live(c), "north")
	}
}

// TestMigration_PreviewRefuses what the campaign would be refused for.
func TestMigration_PreviewRefuses(t *testing.T) {
	t.Parallel()
	m := newMigrating(t, 1)
	for reason, edit := range map[string]func(*admin.CampaignRequest){
		"unknown here: FFFFFF-easycwmp-NOBODY": func(r *admin.CampaignRequest) {
			r.Selector.Devices = []string{m.all[0].Device().String(), "FFFFFF-easycwmp-NOBODY"}
		},
		"takes every device": func(r *admin.CampaignRequest) { r.Everything = false },
		"takes none":         func(r *admin.CampaignRequest) { r.Selector.Serial = []string{"NOBODY*"} },
	} {
		r := inWaves("route")
		edit(&r)
		shown := 0
		err := m.api.PreviewCampaign(t.Context(), r, func(admin.MoveView) error { shown++; return nil })
		m.refused(err, reason)
		if shown > 0 {
			t.Errorf("%s: %d devices are shown", reason, shown)
		}
	}
}

// TestMigration_DevicesAreInOneCampaign at a time.
func TestMigration_DevicesAreInOneCampaign(t *testing.T) {
	t.Parallel()
	m := newMigrating(t, 2)
	r := inWaves("route")
	if _, err := m.api.CreateCampaign(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	r.Name = "other"
	_, err := m.api.CreateCampaign(t.Context(), r)
	m.refused(err, fmt.Sprintf("%s (m)", m.all[0].Device()))
}
