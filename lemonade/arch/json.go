package arch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
)

// Hash names the network: 32 hexadecimal digits of the SHA-256 of its canonical
// JSON. Share names, program text and recipe do not enter it.
func (n *Network) Hash() string {
	b, err := json.Marshal(n)
	if err != nil { // attributes are finite numbers, strings and lists of them
		panic(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// UnmarshalJSON reads a network, infers it anew and checks that the shapes
// agree. Attributes get their declared types back.
func (n *Network) UnmarshalJSON(data []byte) error {
	type plain Network // without this method
	var p plain
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&p); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("network: text after the JSON value")
	}
	if p.Language != Language {
		return fmt.Errorf("network: language version %d, this build understands %d", p.Language, Language)
	}
	given := Network(p)
	if given.Vocabulary != 0 && len(given.Input) != 1 {
		return fmt.Errorf("network: token ids have the shape [T], not %v", given.Input)
	}
	built, err := Build(given.Reads(), given.Classes, given.Nodes)
	if err != nil {
		return err
	}
	if err := sameShapes(&given); err != nil {
		return err
	}
	*n = *built
	return nil
}

// sameShapes checks the shapes that a network states against its operations.
func sameShapes(n *Network) error {
	g, err := newGraph(n.Reads(), n.Classes)
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	for i, node := range n.Nodes {
		if _, err := g.add(node.Op, node.Inputs, node.Attrs, node.Share); err != nil {
			return fmt.Errorf("node %d: %s: %w", i, node.Op, err)
		}
		if got := g.nodes[i].Shape; !slices.Equal(got, node.Shape) {
			return fmt.Errorf("node %d: %s: its shape is %v, not %v", i, node.Op, got, node.Shape)
		}
	}
	return nil
}

// Validate infers the network anew and checks that it is sound and in canonical
// form, as Parse, Build and UnmarshalJSON return it.
func (n *Network) Validate() error {
	if n.Language != Language {
		return fmt.Errorf("network: language version %d, this build understands %d", n.Language, Language)
	}
	if err := sameShapes(n); err != nil {
		return err
	}
	built, err := Build(n.Reads(), n.Classes, n.Nodes)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(built, n) {
		return errors.New("network: not in canonical form; make it with Build")
	}
	return nil
}
