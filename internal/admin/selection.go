package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// readSelection reads the body of a bulk request. Fields that are not known are
// refused: one that is misspelled would select more than was meant.
func readSelection(body io.Reader) (Selection, error) {
	var s Selection
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return s, fmt.Errorf("body: %w", err)
	}
	if decoder.More() {
		return s, errors.New("body: there is more than one JSON document")
	}
	return s, s.complete()
}

func (s *Selection) complete() error {
	filtered := s.ACS != "" || s.OUI != ""
	switch {
	case len(s.Names) > 0 && (s.All || filtered):
		return errors.New("devices: stands beside all, acs or oui: choose one")
	case len(s.Names) == 0 && !s.All && !filtered:
		return errors.New(`devices: is missing: list devices, or give acs, oui, or "all": true`)
	case s.PerSecond < 0 || s.PerSecond > 1e6:
		return fmt.Errorf("per_second: %v is not a rate from 0 (as fast as possible) to 1000000", s.PerSecond)
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
