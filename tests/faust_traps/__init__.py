"""What Faust and aiokafka do that Laurel must not: for each trap of docs/faust.md, that it is there, and not ours."""
