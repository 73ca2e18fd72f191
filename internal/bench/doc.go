// Command bench measures whole CWMP sessions through acsgate and, in the same
// run, through HAProxy, nginx and Go's httputil.ReverseProxy, and prints the
// figures beside the targets that the project has set itself.
//
// It owns the load: the simulated CPEs, the scripted ACS, the generated
// configurations and the reading of CPU time and memory from the kernel. It
// never judges inside a test, never talks to anything but loopback, and ends
// every process that it started.
//
// Everything is measured from outside: CPU time and memory of a proxy are the
// kernel's account of its process, so no proxy has to be instrumented and all
// are measured alike.
package main
