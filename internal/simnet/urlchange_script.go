package simnet

import (
	"slices"
	"sync"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Script is ACSConfig.Script.
type Script = func(device cwmp.DeviceID, events []cwmp.Event) []RPC

// WriteURL is a SetParameterValues of ManagementServer.URL alone.
func WriteURL(url string) RPC { return SetValue("{root}ManagementServer.URL", url) }

// WriteLogin is a SetParameterValues of Username, Password and URL, in this
// order.
func WriteLogin(username, password, url string) RPC {
	return RPC{Method: cwmp.MethodSetParameterValues, Values: []cwmp.Param{
		{Name: "{root}ManagementServer.Username", Value: username},
		{Name: "{root}ManagementServer.Password", Value: password},
		{Name: "{root}ManagementServer.URL", Value: url},
	}}
}

// InsistingOn is the Script of an ACS that sets ManagementServer.URL to its own
// value in each session, and asks the RPCs then. Between two of them a CPE is
// sent to and fro without end. Protocol notes 3.
func InsistingOn(url string, rpcs ...RPC) Script {
	return Asking(append([]RPC{WriteURL(url)}, rpcs...)...)
}

// OnBootstrap is the Script of an ACS that provisions: it asks the RPCs in
// sessions with "0 BOOTSTRAP" alone.
func OnBootstrap(rpcs ...RPC) Script {
	return func(_ cwmp.DeviceID, events []cwmp.Event) []RPC {
		if slices.ContainsFunc(events, func(e cwmp.Event) bool { return e.Code == cwmp.EventBootstrap }) {
			return rpcs
		}
		return nil
	}
}

// maxOnce bounds the devices that a Once remembers. It asks no others.
const maxOnce = 1 << 20

// Once is a Script that asks the RPCs in the first session of each device.
func Once(rpcs ...RPC) Script {
	var mu sync.Mutex
	seen := map[cwmp.Key]bool{}
	return func(device cwmp.DeviceID, _ []cwmp.Event) []RPC {
		mu.Lock()
		defer mu.Unlock()
		if seen[device.Key()] || len(seen) >= maxOnce {
			return nil
		}
		seen[device.Key()] = true
		return rpcs
	}
}
