"""What a study will take, before it is begun: hours and gigabytes of each stage, from what this machine has measured."""
