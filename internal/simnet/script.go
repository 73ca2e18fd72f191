package simnet

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// RPC is one request of a scripted ACS. Names and Values that begin with
// "{root}" are completed with the root object of the device.
type RPC struct {
	Method string
	Names  []string     // GetParameterValues, GetParameterAttributes; one path for GetParameterNames, AddObject, DeleteObject
	Values []cwmp.Param // SetParameterValues
	Next   bool         // GetParameterNames: the next level only
	Args   []cwmp.Argument
	Raw    []byte // sent instead of an envelope, whatever Method says
}

// GetValues is a GetParameterValues.
func GetValues(names ...string) RPC { return RPC{Method: cwmp.MethodGetParameterValues, Names: names} }

// SetValue is a SetParameterValues of one string.
func SetValue(name, value string) RPC {
	return RPC{Method: cwmp.MethodSetParameterValues, Values: []cwmp.Param{{Name: name, Value: value}}}
}

// Download is a Download of a firmware image.
func Download(url string) RPC {
	return RPC{Method: cwmp.MethodDownload, Args: []cwmp.Argument{
		{Name: "CommandKey", Value: "dl"}, {Name: "FileType", Value: "1 Firmware Upgrade Image"}, {Name: "URL", Value: url},
	}}
}

// Reboot is a Reboot.
func Reboot(commandKey string) RPC {
	return RPC{Method: cwmp.MethodReboot, Args: []cwmp.Argument{{Name: "CommandKey", Value: commandKey}}}
}

// Asking is a Script that asks the same RPCs in every session.
func Asking(rpcs ...RPC) func(cwmp.DeviceID, []cwmp.Event) []RPC {
	return func(cwmp.DeviceID, []cwmp.Event) []RPC { return rpcs }
}

// envelope writes the request for a device with that root object.
func (r RPC) envelope(d cwmp.Dialect, id, root string) []byte {
	full := func(name string) string {
		if rest, ok := strings.CutPrefix(name, "{root}"); ok {
			return root + rest
		}
		return name
	}
	names := make([]string, len(r.Names))
	for i, n := range r.Names {
		names[i] = full(n)
	}
	switch r.Method {
	case cwmp.MethodGetParameterValues:
		return cwmp.GetParameterValues(d, id, names)
	case cwmp.MethodGetParameterAttributes: // the same arguments under another name
		return bytes.ReplaceAll(cwmp.GetParameterValues(d, id, names), []byte(":GetParameterValues>"), []byte(":GetParameterAttributes>"))
	case cwmp.MethodGetParameterNames:
		return cwmp.GetParameterNames(d, id, strings.Join(names, ""), r.Next)
	case cwmp.MethodSetParameterValues:
		values := append([]cwmp.Param(nil), r.Values...)
		for i := range values {
			values[i].Name = full(values[i].Name)
		}
		return cwmp.SetParameterValues(d, id, values, "")
	case cwmp.MethodSetParameterAttributes:
		attributes := make([]cwmp.Attribute, len(names))
		for i, n := range names {
			attributes[i] = cwmp.Attribute{Name: n, Notification: 2}
		}
		return cwmp.SetParameterAttributes(d, id, attributes)
	case cwmp.MethodAddObject, cwmp.MethodDeleteObject:
		return cwmp.Call(d, id, r.Method, cwmp.Argument{Name: "ObjectName", Value: strings.Join(names, "")}, cwmp.Argument{Name: "ParameterKey"})
	}
	return cwmp.Call(d, id, r.Method, r.Args...)
}

// maxScript bounds the RPCs of a parsed script.
const maxScript = 10_000

// ParseScript reads RPCs, one a line or separated by semicolons; "#" begins a
// comment. The forms are
//
//	GetParameterValues NAME..., GetParameterAttributes NAME..., SetParameterAttributes NAME...
//	GetParameterNames PATH [next]
//	SetParameterValues NAME=VALUE...
//	AddObject PATH, DeleteObject PATH
//	Reboot [KEY], FactoryReset, GetRPCMethods
//	Download URL, Upload URL, ScheduleInform SECONDS
func ParseScript(text string) ([]RPC, error) {
	var script []RPC
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		line, _, _ = strings.Cut(line, "#")
		for call := range strings.SplitSeq(line, ";") {
			words := strings.Fields(call)
			if len(words) == 0 {
				continue
			}
			rpc, err := parseRPC(words[0], words[1:])
			if err != nil {
				return nil, fmt.Errorf("script line %d: %w", number, err)
			}
			if script = append(script, rpc); len(script) > maxScript {
				return nil, fmt.Errorf("script has more than %d calls", maxScript)
			}
		}
	}
	return script, nil
}

func parseRPC(method string, args []string) (RPC, error) {
	switch method {
	case cwmp.MethodGetParameterValues, cwmp.MethodGetParameterAttributes, cwmp.MethodSetParameterAttributes:
		return RPC{Method: method, Names: args}, atLeastOne(method, args)
	case cwmp.MethodGetParameterNames:
		next := len(args) == 2 && args[1] == "next"
		if next {
			args = args[:1]
		}
		return RPC{Method: method, Names: args, Next: next}, exactlyOne(method, args)
	case cwmp.MethodAddObject, cwmp.MethodDeleteObject:
		return RPC{Method: method, Names: args}, exactlyOne(method, args)
	case cwmp.MethodSetParameterValues:
		return parseSet(args)
	case cwmp.MethodReboot:
		return Reboot(strings.Join(args, " ")), nil
	case cwmp.MethodFactoryReset, cwmp.MethodGetRPCMethods:
		return RPC{Method: method}, nil
	case cwmp.MethodDownload, cwmp.MethodUpload:
		rpc := Download(strings.Join(args, ""))
		rpc.Method = method
		return rpc, exactlyOne(method, args)
	case cwmp.MethodScheduleInform:
		return parseSchedule(args)
	}
	return RPC{}, fmt.Errorf("method %q: want GetParameterValues, GetParameterNames, GetParameterAttributes, SetParameterValues, "+
		"SetParameterAttributes, AddObject, DeleteObject, Reboot, FactoryReset, GetRPCMethods, Download, Upload or ScheduleInform", method)
}

func parseSet(args []string) (RPC, error) {
	rpc := RPC{Method: cwmp.MethodSetParameterValues}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return RPC{}, fmt.Errorf("argument %q: want NAME=VALUE", arg)
		}
		rpc.Values = append(rpc.Values, cwmp.Param{Name: name, Value: value})
	}
	return rpc, atLeastOne(rpc.Method, args)
}

func parseSchedule(args []string) (RPC, error) {
	if err := exactlyOne(cwmp.MethodScheduleInform, args); err != nil {
		return RPC{}, err
	}
	if _, err := strconv.ParseUint(args[0], 10, 32); err != nil {
		return RPC{}, fmt.Errorf("argument %q: want seconds", args[0])
	}
	return RPC{Method: cwmp.MethodScheduleInform, Args: []cwmp.Argument{
		{Name: "DelaySeconds", Value: args[0]}, {Name: "CommandKey", Value: "sched"},
	}}, nil
}

func atLeastOne(method string, args []string) error {
	if len(args) == 0 {
		return errors.New(method + " needs an argument")
	}
	return nil
}

func exactlyOne(method string, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s needs one argument, not %d", method, len(args))
	}
	return nil
}
