package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// minRate is the lowest rate of a bulk in a second, other than 0 for no limit: about
// one in three hours.
const minRate = 1e-4

// readSelection reads the body of a bulk request, as readBody does.
func readSelection(body io.Reader) (s Selection, err error) {
	if err := readObject(body, &s); err != nil {
		return s, err
	}
	if err := s.complete(); err != nil {
		return s, badBody(err)
	}
	return s, nil
}

// String says what is selected.
func (s *Selection) String() string {
	switch {
	case len(s.Devices) > 0:
		return fmt.Sprintf("%d devices", len(s.Devices))
	case s.All:
		return "all devices"
	}
	return fmt.Sprintf("devices with acs %q, oui %q", s.ACS, s.OUI)
}

// maxShown is how many devices an error names.
const maxShown = 10

// scoped returns what of a selection somebody may wake. All that fit a filter become
// the list of those that are in the scope; one that is named and is not in it is not
// known.
func (a *API) scoped(ctx context.Context, who Identity, s Selection) (Selection, error) {
	if who.Scope.Whole() {
		return s, nil
	}
	var unknown []fieldProblem
	for _, id := range s.Devices {
		if len(unknown) < maxShown && !a.Sees(who, id) {
			unknown = append(unknown, fieldProblem{"devices", id.String() + " is not known"})
		}
	}
	if len(unknown) > 0 {
		p := refuse(http.StatusNotFound, "devices are not known, such as %s", unknown[0].Detail)
		p.Errors = unknown
		return s, p
	}
	if len(s.Devices) > 0 {
		return s, nil
	}
	if a.Devices == nil {
		return s, refuse(http.StatusForbidden, "token %q has a scope, and this gateway cannot list its devices: name them", who.Name)
	}
	chosen := Selection{PerSecond: s.PerSecond}
	for q := (DeviceQuery{ACS: s.ACS, OUI: s.OUI, Scope: who.Scope, Limit: maxPage}); ; {
		page, err := a.Devices(ctx, q)
		if err != nil {
			return s, err
		}
		for i := range page.Devices {
			id, err := cwmp.ParseDeviceID(page.Devices[i].Device)
			if err != nil {
				return s, err
			}
			if a.Sees(who, id) {
				chosen.Devices = append(chosen.Devices, id)
				chosen.Names = append(chosen.Names, id.String())
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if len(chosen.Devices) == 0 {
		return s, refuse(http.StatusNotFound, "no device of the token's scope fits")
	}
	return chosen, nil
}

func (s *Selection) complete() error {
	filtered := s.ACS != "" || s.OUI != ""
	switch {
	case len(s.Names) > 0 && (s.All || filtered):
		return errors.New("devices: stands beside all, acs or oui: choose one")
	case len(s.Names) == 0 && !s.All && !filtered:
		return errors.New(`devices: is missing: list devices, or give acs, oui, or "all": true`)
	case s.PerSecond != 0 && s.PerSecond < minRate || s.PerSecond > 1e6:
		return fmt.Errorf("per_second: %v is not a rate from %v to 1000000, nor 0 for as fast as possible", s.PerSecond, minRate)
	}
	if s.OUI != "" {
		s.OUI = cwmp.NormalizeOUI(s.OUI)
	}
	for _, name := range s.Names {
		id, err := cwmp.ParseDeviceID(name)
		if err != nil {
			return fmt.Errorf("devices: %w", err)
		}
		s.Devices = append(s.Devices, id)
	}
	return nil
}
