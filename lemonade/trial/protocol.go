package trial

import (
	"time"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// Protocol is the version of the messages between searcher and worker.
const Protocol = 1

// Envelope is one line of JSON between searcher and worker. Exactly one field is set.
//
// The worker's modes: "parse" answers each Parse with a Parsed until its input
// closes; "train" answers one Job with any number of Progress and one Result;
// "plugin" installs what XLA needs and answers with a Backend. All begin with a
// Hello. A Fatal in place of an answer says that no other worker would do better.
type Envelope struct {
	Hello    *Hello    `json:"hello,omitempty"`
	Parse    *Parse    `json:"parse,omitempty"`
	Parsed   *Parsed   `json:"parsed,omitempty"`
	Job      *Job      `json:"job,omitempty"`
	Progress *Progress `json:"progress,omitempty"`
	Result   *Result   `json:"result,omitempty"`
	Backend  *Backend  `json:"backend,omitempty"`
	Fatal    string    `json:"fatal,omitempty"`
}

// Hello is the handshake: what the worker speaks.
type Hello struct {
	Protocol int    `json:"protocol"`
	Language int    `json:"language"` // of architecture programs
	Engine   string `json:"engine"`   // such as "gomlx v0.28.2"
}

// Backend is what the workers of this machine train on.
type Backend struct {
	Name      string `json:"name"`      // value of GOMLX_BACKEND
	Device    string `json:"device"`    // such as "cpu"
	Precision string `json:"precision"` // that the device decides for
}

// Parse asks for a program to be run with symbolic tensors.
type Parse struct {
	Source  string     `json:"source"`
	Input   arch.Shape `json:"input"`
	Classes int        `json:"classes"`
}

// Parsed is the program, or the error in it.
type Parsed struct {
	Program *arch.Program `json:"program,omitempty"`
	Error   string        `json:"error,omitempty"`
}

// Data names the samples that a job trains on.
type Data struct {
	Name         string `json:"name"`          // as in package datasets
	Dir          string `json:"dir,omitempty"` // where its files are; empty for an embedded set
	TrainSamples int    `json:"train_samples"` // stratified from the training split; 0 is all
	Fingerprint  string `json:"fingerprint"`   // set, split, samples, partial or whole
}

// Budget is what a job may spend.
type Budget struct {
	Epochs   int           `json:"epochs"`
	Deadline time.Duration `json:"deadline"` // ns, for the whole job; 0 is the evaluator's default
	Profile  time.Duration `json:"profile"`  // ns, for the measurement of inference; 0 is the profiler's default
}

// Job is everything a worker needs to train and measure one network.
type Job struct {
	Network   *arch.Network `json:"network"`
	Recipe    arch.Recipe   `json:"recipe"`
	Data      Data          `json:"data"`
	Budget    Budget        `json:"budget"`
	Seed      int64         `json:"seed"`
	Precision string        `json:"precision"`         // "float32" or "bfloat16"; "" lets the device decide
	Weights   string        `json:"weights,omitempty"` // file to write the trained weights to; "" writes none
}

// Phases of a job.
const (
	PhaseData    = "data"
	PhaseCompile = "compile"
	PhaseTrain   = "train"
	PhaseProfile = "profile"
)

// Progress is where a job stands.
type Progress struct {
	Phase    string  `json:"phase"`
	Epoch    int     `json:"epoch,omitempty"` // from 1
	Epochs   int     `json:"epochs,omitempty"`
	Done     float64 `json:"done"` // share of the whole job, 0..1
	Loss     float64 `json:"loss,omitempty"`
	Accuracy float64 `json:"accuracy,omitempty"` // of the last validation
	Report   *Epoch  `json:"report,omitempty"`   // at the end of an epoch
}

// Result is how a job ended.
type Result struct {
	State   State              `json:"state"`            // Complete or Failed
	Reason  string             `json:"reason,omitempty"` // OutOfMemory, NaN, … with details
	Metrics Metrics            `json:"metrics,omitempty"`
	Curve   []Epoch            `json:"curve,omitempty"`
	Seconds map[string]float64 `json:"seconds,omitempty"` // by phase
	Device  string             `json:"device,omitempty"`  // what it ran on
	Engine  string             `json:"engine,omitempty"`
}
