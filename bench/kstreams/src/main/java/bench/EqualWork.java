package bench;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The equal work in Kafka Streams: for each learner and course the last grade and the completed topics; an award when
 * the condition is met for the first time. What is done is said in bench/README.md, "Equal work".
 *
 * <p>The processor API, so that no repartitioning is needed: a learner's records lie in one partition already. Settings
 * come as name=value arguments, so that all of them stand in one place (bench/processors.py).
 */
public final class EqualWork {
  private static final String STORE = "progress";
  private static final ObjectMapper JSON = JsonMapper.builder().build();

  private EqualWork() {}

  /** What is read of a record of laurel.facts. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record FactsRecord(Fact fact) {}

  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Fact(Register register, List<Object> statement) {}

  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Register(String tenant, String learner, String course, String kind, String object) {}

  /** An award, as it is written. */
  public record Award(String tenant, String learner, String course, int grade, int topics, String event) {}

  /** What is kept of one learner in one course. */
  static final class State {
    int grade = -1;
    boolean awarded;
    final List<String> topics = new ArrayList<>();
  }

  /** A compact form, written by hand: quicker than JSON. */
  static final class StateSerializer implements Serializer<State> {
    @Override
    public byte[] serialize(String topic, State state) {
      if (state == null) {
        return null;
      }
      byte[][] topics = new byte[state.topics.size()][];
      int size = 7;
      for (int at = 0; at < topics.length; at++) {
        topics[at] = state.topics.get(at).getBytes(StandardCharsets.UTF_8);
        size += 2 + topics[at].length;
      }
      ByteBuffer buffer = ByteBuffer.allocate(size);
      buffer.putInt(state.grade).put((byte) (state.awarded ? 1 : 0)).putShort((short) topics.length);
      for (byte[] one : topics) {
        buffer.putShort((short) one.length).put(one);
      }
      return buffer.array();
    }
  }

  static final class StateDeserializer implements Deserializer<State> {
    @Override
    public State deserialize(String topic, byte[] data) {
      if (data == null) {
        return null;
      }
      ByteBuffer buffer = ByteBuffer.wrap(data);
      State state = new State();
      state.grade = buffer.getInt();
      state.awarded = buffer.get() == 1;
      int count = buffer.getShort();
      for (int at = 0; at < count; at++) {
        int length = buffer.getShort();
        state.topics.add(new String(data, buffer.position(), length, StandardCharsets.UTF_8));
        buffer.position(buffer.position() + length);
      }
      return state;
    }
  }

  /** One record after the other. */
  static final class Fold implements Processor<byte[], byte[], String, byte[]> {
    private final int bar;
    private final int topicsNeeded;
    private final ObjectReader reader = JSON.readerFor(FactsRecord.class);
    private KeyValueStore<String, State> store;
    private ProcessorContext<String, byte[]> context;

    Fold(int bar, int topicsNeeded) {
      this.bar = bar;
      this.topicsNeeded = topicsNeeded;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
      this.context = context;
      store = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      Fact fact = read(record.value());
      if (fact == null) {
        return;
      }
      Register about = fact.register();
      String key = about.tenant() + "/" + about.learner() + "/" + about.course();
      State state = store.get(key);
      if (state == null) {
        state = new State();
      }
      if ("topic".equals(about.kind())) {
        if (!state.topics.contains(about.object())) {
          state.topics.add(about.object());
        }
      } else {
        state.grade = ((Number) fact.statement().get(3)).intValue();
      }
      if (!state.awarded && state.grade >= bar && state.topics.size() >= topicsNeeded) {
        state.awarded = true;
        String event = (String) fact.statement().get(2);
        Award award =
            new Award(about.tenant(), about.learner(), about.course(), state.grade, state.topics.size(), event);
        context.forward(new Record<>(key, write(award), record.timestamp()));
      }
      store.put(key, state);
    }

    private Fact read(byte[] value) {
      try {
        return ((FactsRecord) reader.readValue(value)).fact();
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }

    private static byte[] write(Award award) {
      try {
        return JSON.writeValueAsBytes(award);
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }
  }

  /** Arguments: input topic, output topic, bar, topics needed, then settings of Kafka Streams as name=value. */
  public static void main(String[] arguments) throws InterruptedException {
    int bar = Integer.parseInt(arguments[2]);
    int topicsNeeded = Integer.parseInt(arguments[3]);
    Properties settings = new Properties();
    for (int at = 4; at < arguments.length; at++) {
      String[] pair = arguments[at].split("=", 2);
      settings.put(pair[0], pair[1]);
    }
    Serde<State> stateSerde = Serdes.serdeFrom(new StateSerializer(), new StateDeserializer());
    StreamsBuilder builder = new StreamsBuilder();
    builder.addStateStore(
        Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), Serdes.String(), stateSerde)
            .withCachingEnabled()
            .withLoggingEnabled(Map.of()));
    builder.stream(arguments[0], Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
        .process(() -> new Fold(bar, topicsNeeded), STORE)
        .to(arguments[1], Produced.with(Serdes.String(), Serdes.ByteArray()));

    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
    CountDownLatch told = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  streams.close();
                  told.countDown();
                }));
    streams.start();
    told.await();
  }
}
