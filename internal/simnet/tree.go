package simnet

import (
	"slices"
	"strconv"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Parameter is one leaf of a CPE's data model.
type Parameter struct {
	Name     string // full path
	Value    string
	Type     string // XSD type such as "boolean"; "" means "string"
	Writable bool
}

func (p *Parameter) typeName() string {
	if p.Type == "" {
		return "xsd:string"
	}
	return "xsd:" + p.Type
}

// Tree is the data model of one CPE: the parameters of its make, shared by all
// CPEs of that make and never changed, and what differs on this one. It is not
// safe for concurrent use.
type Tree struct {
	base  *treeBase
	own   map[string]string // values of this CPE
	added []Parameter       // objects made by AddObject
	next  int               // number of the next object
}

// treeBase is the shared part: parameters in the order of the make.
type treeBase struct {
	params []Parameter
	index  map[string]int
}

func newTreeBase(params []Parameter) *treeBase {
	b := &treeBase{params: params, index: make(map[string]int, len(params))}
	for i := range params {
		b.index[params[i].Name] = i
	}
	return b
}

func newTree(base *treeBase) *Tree { return &Tree{base: base} }

// Get returns the parameter of that full name.
func (t *Tree) Get(name string) (Parameter, bool) {
	if i, ok := t.base.index[name]; ok {
		return t.valued(t.base.params[i]), true
	}
	for _, p := range t.added {
		if p.Name == name {
			return t.valued(p), true
		}
	}
	return Parameter{}, false
}

func (t *Tree) valued(p Parameter) Parameter {
	if v, ok := t.own[p.Name]; ok {
		p.Value = v
	}
	return p
}

// Put sets a value whether it is writable or not, as the CPE itself does. A
// name that the tree does not hold is ignored.
func (t *Tree) Put(name, value string) {
	p, ok := t.Get(name)
	if !ok || p.Value == value {
		return
	}
	if t.own == nil {
		t.own = make(map[string]string, 4)
	}
	t.own[name] = value
}

// Under returns the parameters that path names: one, or all below a partial
// path that ends in a dot; the empty path means all. TR-069 A.3.2.2.
func (t *Tree) Under(path string) []Parameter {
	if path != "" && !strings.HasSuffix(path, ".") {
		if p, ok := t.Get(path); ok {
			return []Parameter{p}
		}
		return nil
	}
	var found []Parameter
	for _, list := range [][]Parameter{t.base.params, t.added} {
		for _, p := range list {
			if strings.HasPrefix(p.Name, path) {
				found = append(found, t.valued(p))
			}
		}
	}
	return found
}

// names lists what GetParameterNames answers: leaves, and objects if asked;
// with nextLevel only the first level below path. TR-069 A.3.2.3.
func (t *Tree) names(path string, nextLevel, objects bool) []Parameter {
	var list []Parameter
	seen := map[string]bool{}
	add := func(p Parameter) {
		if !seen[p.Name] {
			seen[p.Name] = true
			list = append(list, p)
		}
	}
	if objects && !nextLevel && path != "" {
		add(Parameter{Name: path})
	}
	for _, p := range t.Under(path) {
		rest := strings.TrimPrefix(p.Name, path)
		dot := strings.IndexByte(rest, '.')
		if dot >= 0 && (nextLevel || objects) {
			add(Parameter{Name: path + rest[:dot+1]})
		}
		if dot < 0 || !nextLevel {
			add(p)
		}
	}
	return list
}

// check says which values are to be refused. TR-069 A.3.2.1.
func (t *Tree) check(values []Parameter) []paramFault {
	var faults []paramFault
	for _, v := range values {
		switch p, ok := t.Get(v.Name); {
		case !ok:
			faults = append(faults, paramFault{v.Name, cwmp.FaultInvalidName})
		case !p.Writable:
			faults = append(faults, paramFault{v.Name, cwmp.FaultNotWritable})
		}
	}
	return faults
}

// set applies all values or, when any is refused, none. TR-069 A.3.2.1.
func (t *Tree) set(values []Parameter) []paramFault {
	if faults := t.check(values); faults != nil {
		return faults
	}
	for _, v := range values {
		t.Put(v.Name, v.Value)
	}
	return nil
}

// maxObjects bounds what AddObject may make of a tree.
const maxObjects = 1000

// addObject makes an instance below path with one writable leaf.
func (t *Tree) addObject(path string) (instance int, ok bool) {
	if len(t.Under(path)) == 0 || len(t.added) >= maxObjects {
		return 0, false
	}
	t.next++
	instance = 100 + t.next
	t.added = append(t.added, Parameter{Name: path + strconv.Itoa(instance) + ".Enable", Value: "0", Type: "boolean", Writable: true})
	return instance, true
}

// deleteObject removes an instance that addObject made.
func (t *Tree) deleteObject(path string) bool {
	before := len(t.added)
	t.added = slices.DeleteFunc(t.added, func(p Parameter) bool { return strings.HasPrefix(p.Name, path) })
	return len(t.added) < before
}
