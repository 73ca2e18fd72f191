package admin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Errors of functions of Campaigns that are told apart.
var (
	// ErrUnknownCampaign says that there is no such campaign: 404.
	ErrUnknownCampaign = errors.New("there is no such campaign")
	// ErrRefused wraps why something is not done: 409.
	ErrRefused = errors.New("refused")
)

// Campaigns is what the API does with campaigns. Functions are called
// concurrently.
type Campaigns struct {
	List   func() []CampaignView
	Get    func(name string) (CampaignView, bool)
	Create func(context.Context, CampaignRequest) (CampaignView, error)
	// Preview tells of each known device whether the campaign would move it.
	Preview func(context.Context, CampaignRequest) iter.Seq2[MoveView, error]
	// Act does one of Actions.
	Act func(ctx context.Context, name, action string) error
	// Members are a campaign's devices, of one state or, with "", of all.
	Members func(name, state string) iter.Seq[MemberView]
}

// Actions are what can be done with a campaign.
func Actions() []string { return []string{"start", "pause", "resume", "cancel", "rollback", "remove"} }

// CampaignRequest is a campaign as an operator writes it.
type CampaignRequest struct {
	Name          string          `json:"name"`
	Kind          string          `json:"kind,omitempty"` // migration (default) or drain
	From          []string        `json:"from,omitempty"`
	To            string          `json:"to"`
	Mode          string          `json:"mode,omitempty"` // route (default), rewrite, route_then_rewrite
	Selector      CampaignDevices `json:"selector"`
	Everything    bool            `json:"everything,omitempty"`
	Waves         []CampaignWave  `json:"waves,omitempty"`
	Canary        float64         `json:"canary,omitempty"` // percent
	Criteria      CampaignGoals   `json:"criteria"`
	RatePerSecond float64         `json:"rate_per_second,omitempty"`
	Wake          bool            `json:"wake,omitempty"`
	Mirror        bool            `json:"mirror,omitempty"` // show Informs to the new ACS before the move
	ArriveWithin  Duration        `json:"arrive_within,omitempty"`
	RewriteAfter  Duration        `json:"rewrite_after,omitempty"`
	Start         bool            `json:"start,omitempty"` // at once
}

// CampaignDevices selects devices; what is empty fits all.
type CampaignDevices struct {
	OUI             []string `json:"oui,omitempty"`
	ProductClass    []string `json:"product_class,omitempty"`
	Serial          []string `json:"serial,omitempty"`
	SoftwareVersion []string `json:"software_version,omitempty"`
	Manufacturer    []string `json:"manufacturer,omitempty"`
	Source          []string `json:"source,omitempty"`
	ACS             []string `json:"acs,omitempty"`
	Percent         *float64 `json:"percent,omitempty"`
	// Devices list devices one by one. A list without any takes none, which is not
	// the same as no list.
	Devices []string `json:"devices,omitzero"`
}

// CampaignWave is one wave. Percent and Count both count from the first device.
type CampaignWave struct {
	Percent   float64       `json:"percent,omitempty"`
	Count     int           `json:"count,omitempty"`
	PerSecond float64       `json:"per_second,omitempty"`
	Criteria  CampaignGoals `json:"criteria"`
}

// CampaignGoals are what a wave must reach.
type CampaignGoals struct {
	Arrived       float64  `json:"arrived,omitempty"`        // percent seen at the new ACS
	SecondSession float64  `json:"second_session,omitempty"` // percent that held another one there
	FaultRate     *float64 `json:"fault_rate,omitempty"`     // percent that may fail
	Within        Duration `json:"within,omitempty"`
	MinSample     int      `json:"min_sample,omitempty"`
	OnFailure     string   `json:"on_failure,omitempty"` // halt (default) or rollback
}

// Duration is a time.Duration in the form of the configuration, such as "30m".
type Duration time.Duration

// MarshalText writes the duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads the duration.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed < 0 {
		return fmt.Errorf("%q is not a duration such as 90s, 30m or 12h", text)
	}
	*d = Duration(parsed)
	return nil
}

// CampaignView is a campaign as it stands.
type CampaignView struct {
	CampaignRequest
	Status  string         `json:"status"`
	Reason  string         `json:"reason,omitempty"`
	Verdict string         `json:"verdict,omitempty"` // of the present wave
	Phase   int            `json:"phase"`
	Wave    int            `json:"wave"` // from 0
	Total   int            `json:"total"`
	Counts  map[string]int `json:"counts"` // of devices by state
	// WaveTotals are the devices of each wave, WaveCounts those by state.
	WaveTotals []int            `json:"wave_totals"`
	WaveCounts []map[string]int `json:"wave_counts"`
	// Moved is how many devices are where the campaign has moved them.
	Moved   int    `json:"moved"`
	Created string `json:"created,omitempty"`
	Started string `json:"started,omitempty"`
	// WaveStarted is when the present wave began; its criteria count from there.
	WaveStarted string `json:"wave_started,omitempty"`
	// Revision rises with each step; it is the campaign's ETag.
	Revision uint64 `json:"revision"`
}

// CampaignList are campaigns.
type CampaignList struct {
	Campaigns []CampaignView `json:"campaigns"`
}

// MoveView is what a campaign would do with a device.
type MoveView struct {
	Device string `json:"device"`
	Moves  bool   `json:"moves"`
	Wave   int    `json:"wave,omitempty"`
	From   string `json:"from,omitempty"`
	Reason string `json:"reason"`
}

// MemberView is a device of a campaign.
type MemberView struct {
	Device string `json:"device"`
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	At     string `json:"at,omitempty"`
	Wave   int    `json:"wave"`
	From   string `json:"from,omitempty"`
	ACS    string `json:"acs,omitempty"` // where it is placed
	OldURL string `json:"old_url,omitempty"`
	Woken  bool   `json:"woken,omitempty"`
}
