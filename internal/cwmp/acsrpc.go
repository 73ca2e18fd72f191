package cwmp

import "time"

// Argument is a plain argument of an RPC, for Call.
type Argument struct{ Name, Value string }

// Call returns an envelope with a request or response whose arguments are all
// plain elements, such as Reboot, AddObject, FactoryReset or RebootResponse.
// id is the cwmp:ID; a response repeats that of its request, and there is no
// ID header when it is empty. All builders write the session's dialect d, and
// replace characters that XML cannot carry by U+FFFD.
func Call(d Dialect, id, method string, args ...Argument) []byte {
	w := newWriter(d, header{id: id})
	return w.rpc(method, func() {
		for _, a := range args {
			w.element(a.Name, a.Value)
		}
	}).bytes()
}

// InformResponse returns the answer to an Inform (TR-069 A.3.3.1).
func InformResponse(d Dialect, id string) []byte {
	return Call(d, id, "InformResponse", Argument{"MaxEnvelopes", "1"})
}

// TransferCompleteResponse returns the answer to a TransferComplete.
func TransferCompleteResponse(d Dialect, id string) []byte {
	return Call(d, id, "TransferCompleteResponse")
}

// GetRPCMethods returns the question for the other side's methods, which both
// sides may ask (TR-069 A.3.1.1).
func GetRPCMethods(d Dialect, id string) []byte {
	return Call(d, id, MethodGetRPCMethods)
}

// GetRPCMethodsResponse returns the answer to GetRPCMethods.
func GetRPCMethodsResponse(d Dialect, id string, methods []string) []byte {
	w := newWriter(d, header{id: id})
	return w.rpc("GetRPCMethodsResponse", func() { w.strings("MethodList", methods) }).bytes()
}

// GetParameterValues returns the question for parameters, by full names or by
// partial paths that end in a dot (TR-069 A.3.2.2).
func GetParameterValues(d Dialect, id string, names []string) []byte {
	w := newWriter(d, header{id: id})
	return w.rpc(MethodGetParameterValues, func() { w.strings("ParameterNames", names) }).bytes()
}

// SetParameterValues returns the order to set params, all or none, and with
// them ManagementServer.ParameterKey to key (TR-069 A.3.2.1).
func SetParameterValues(d Dialect, id string, params []Param, key string) []byte {
	w := newWriter(d, header{id: id})
	return w.rpc(MethodSetParameterValues, func() {
		w.params(params)
		w.element("ParameterKey", key)
	}).bytes()
}

// GetParameterNames returns the question for the names below path; nextLevel
// asks for the direct children alone (TR-069 A.3.2.3).
func GetParameterNames(d Dialect, id, path string, nextLevel bool) []byte {
	w := newWriter(d, header{id: id})
	return w.rpc(MethodGetParameterNames, func() {
		w.element("ParameterPath", path)
		w.boolean("NextLevel", nextLevel)
	}).bytes()
}

// Attribute is what SetParameterAttributes sets of one parameter or path.
type Attribute struct {
	Name         string
	Notification int // 0 off, 1 passive, 2 active, 3-6 lightweight (TR-069 A.3.2.4)
}

// SetParameterAttributes returns the order to set notifications. Access lists
// are left as they are.
func SetParameterAttributes(d Dialect, id string, attributes []Attribute) []byte {
	w := newWriter(d, header{id: id})
	const entry = "SetParameterAttributesStruct"
	return w.rpc(MethodSetParameterAttributes, func() {
		w.structs("ParameterList", entry, len(attributes), func(i int) {
			w.element("Name", attributes[i].Name)
			w.boolean("NotificationChange", true)
			w.number("Notification", attributes[i].Notification)
			w.boolean("AccessListChange", false)
			w.strings("AccessList", nil)
		})
	}).bytes()
}

// Reboot returns the order to reboot (TR-069 A.3.2.9).
func Reboot(d Dialect, id, commandKey string) []byte {
	return Call(d, id, MethodReboot, Argument{"CommandKey", commandKey})
}

// DownloadData holds the arguments of Download (TR-069 A.3.2.8).
type DownloadData struct {
	CommandKey         string
	FileType           string // such as "1 Firmware Upgrade Image"
	URL                string
	Username, Password string
	FileSize           int // bytes, 0 when not told
	TargetFileName     string
	Delay              time.Duration // written in whole seconds
	SuccessURL         string
	FailureURL         string
}

// Download returns the order to fetch a file.
func Download(d Dialect, id string, in DownloadData) []byte {
	w := newWriter(d, header{id: id})
	return w.rpc(MethodDownload, func() {
		w.element("CommandKey", in.CommandKey)
		w.element("FileType", in.FileType)
		w.element("URL", in.URL)
		w.element("Username", in.Username)
		w.element("Password", in.Password)
		w.number("FileSize", in.FileSize)
		w.element("TargetFileName", in.TargetFileName)
		w.number("DelaySeconds", int(in.Delay/time.Second))
		w.element("SuccessURL", in.SuccessURL)
		w.element("FailureURL", in.FailureURL)
	}).bytes()
}
