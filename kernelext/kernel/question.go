package kernel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/lemo-nade/lemonade/kernelext/internal/ask"
)

// asksFile is the file in a kernel's folder that is there as long as the cell that
// runs may ask.
func asksFile(folder string) string { return filepath.Join(folder, "asks") }

// letAsk lets the programs of the next cell know whether somebody can answer.
func (p *proxy) letAsk(can bool) {
	var err error
	if can {
		err = os.WriteFile(asksFile(p.folder), nil, 0o600)
	} else if err = os.Remove(asksFile(p.folder)); os.IsNotExist(err) {
		err = nil
	}
	if err != nil {
		log.Printf("cells are not told whether they may ask: %v", err)
	}
}

// hearQuestion remembers that the cell asks for a key.
func (p *proxy) hearQuestion(m message) {
	var content struct {
		Prompt   string `json:"prompt"`
		Password bool   `json:"password"`
	}
	_ = json.Unmarshal(m.parts[partContent], &content) // the front end answers what makes no sense
	if r := p.cell; r != nil && m.parent.ID == r.msg.head.ID {
		r.keyOf = ""
		if content.Password {
			r.keyOf = ask.KeyOf(content.Prompt)
		}
	}
}

// toStdin passes on what somebody has answered.
func (p *proxy) toStdin(m message) {
	var content struct {
		Value string `json:"value"`
	}
	_ = json.Unmarshal(m.parts[partContent], &content) // GoNB answers what makes no sense
	if r, key := p.cell, strings.TrimSpace(content.Value); r != nil && r.keyOf != "" && ask.Key.MatchString(key) {
		if r.keys == nil {
			r.keys = map[string]string{}
		}
		r.keys[r.keyOf] = key
		p.keys = append(p.keys, key)
	}
	p.send(m, p.back.stdin, p.back.key)
}

// keep has GoNB put keys into its environment. What it says of that nobody hears.
func (p *proxy) keep(keys map[string]string) {
	if len(keys) == 0 {
		return
	}
	var code strings.Builder
	for variable, key := range keys {
		fmt.Fprintf(&code, "%%env %s \"%s\"\n", variable, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key))
	}
	p.ask("execute_request", map[string]any{
		"code": code.String(), "silent": true, "store_history": false, "allow_stdin": false,
	}, func(string) { p.next() })
}

// without is the message with each of the keys taken out of its content.
func (m message) without(keys []string) message {
	for _, key := range keys {
		if quoted := encode(key); len(key) >= shortestKey {
			m.parts[partContent] = bytes.ReplaceAll(m.parts[partContent], quoted[1:len(quoted)-1], []byte("[key]"))
		}
	}
	return m
}

// shortestKey is the shortest that is taken out: to take out less would garble words,
// and protect nothing.
const shortestKey = 8
