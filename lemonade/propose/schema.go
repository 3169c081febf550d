package propose

import (
	"bytes"
	"encoding/json"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// schema is the part of JSON Schema that every provider's structured output knows.
type schema struct {
	Type        string // "object", "array" or "string"
	Description string
	Enum        []string // of a string; empty where any will do
	Items       *schema  // of an array
	Properties  []property
}

// property is a field of an object; every one is required, and no other allowed.
type property struct {
	Name string
	schema
}

// answerSchema is the answer that [call].JSON asks for. A model writes the fields
// in this order: the changes are thought through before the program is written,
// which is what makes small models change anything at all.
var answerSchema = schema{Type: "object", Properties: []property{
	{"rationale", schema{Type: "string", Description: "why these changes, in one or two sentences"}},
	{"changes", schema{
		Type: "array", Description: "one for each command: which line changes, and how",
		Items: &schema{Type: "string"},
	}},
	{"program", schema{Type: "string", Description: "the whole program, or of choices the line choices = {...} alone, without a fence"}},
	{"expected", schema{
		Type: "array", Description: "the effect on each metric that should change, against the parent",
		Items: &schema{Type: "object", Properties: []property{
			{"metric", schema{Type: "string", Enum: visibleMetrics()}},
			{"effect", schema{Type: "string", Enum: []string{trial.Up, trial.Down, trial.Same}}},
		}},
	}},
}}

// visibleMetrics names what a search may see: the test split stays out of it.
func visibleMetrics() []string {
	var names []string
	for _, info := range trial.MetricInfos {
		if info.Metric != trial.TestAccuracy {
			names = append(names, string(info.Metric))
		}
	}
	return names
}

// MarshalJSON writes the schema as OpenAI's strict mode wants it, with the
// properties in their order, which a map would lose.
func (s schema) MarshalJSON() ([]byte, error) {
	out := struct {
		Type        string          `json:"type"`
		Description string          `json:"description,omitempty"`
		Enum        []string        `json:"enum,omitempty"`
		Items       *schema         `json:"items,omitempty"`
		Properties  json.RawMessage `json:"properties,omitempty"`
		Required    []string        `json:"required,omitempty"`
		Additional  *bool           `json:"additionalProperties,omitempty"`
	}{Type: s.Type, Description: s.Description, Enum: s.Enum, Items: s.Items}
	if s.Type != "object" {
		return json.Marshal(out)
	}
	var fields bytes.Buffer
	fields.WriteByte('{')
	for i, p := range s.Properties {
		value, err := json.Marshal(p.schema)
		if err != nil {
			return nil, err
		}
		name, err := json.Marshal(p.Name)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			fields.WriteByte(',')
		}
		fields.Write(name)
		fields.WriteByte(':')
		fields.Write(value)
		out.Required = append(out.Required, p.Name)
	}
	fields.WriteByte('}')
	out.Properties, out.Additional = fields.Bytes(), new(bool)
	return json.Marshal(out)
}
