package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/cwmp"
)

// readCampaign reads a campaign from a file, and the list of its devices from
// another one, if there is one.
func readCampaign(file, list string) (r admin.CampaignRequest, err error) {
	text, err := os.ReadFile(file)
	if err == nil {
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(&r)
	}
	switch {
	case err != nil:
		return r, commandline.Usagef("%s: %w", file, err)
	case list == "":
		return r, nil
	case r.Selector.Devices != nil:
		return r, commandline.Usagef("%s lists devices itself: leave selector.devices out, or -devices %q", file, list)
	}
	r.Selector.Devices, err = readDevices(list)
	return r, err
}

// readDevices reads a list of devices, one a line. Empty lines and those that begin
// with # are skipped. A list without devices is not nil: it has none.
func readDevices(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, commandline.Usagef("-devices: %w", err)
	}
	devices := []string{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if _, err := cwmp.ParseDeviceID(line); err != nil {
			return nil, commandline.UsageError{Err: fmt.Errorf("%s:%d: %w", file, number, err)}
		}
		devices = append(devices, line)
	}
	return devices, nil
}
