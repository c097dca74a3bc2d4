import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/**
 * Sums per device, exactly once, as Kafka Streams does it: uploads, energy, newest sequence number.
 *
 * <p>Reads of an upload what the sums need and skips the rest; checks nothing. A change of a device's sums goes to the
 * output topic as three 64-bit integers, once per commit (the store's cache is on).
 */
public final class StreamsSums {
    private static final JsonFactory JSON = new JsonFactory();
    private static final double MS_PER_HOUR = 3_600_000;
    private static final int USUAL_READINGS = 32;

    /** What an upload adds. */
    record Part(long energyUwh, long seq) {}

    /** What a device's uploads come to. */
    record Sums(long uploads, long energyUwh, long lastSeq) {
        Sums plus(Part part) {
            return new Sums(uploads + 1, energyUwh + part.energyUwh, Math.max(lastSeq, part.seq));
        }
    }

    private StreamsSums() {}

    public static void main(String[] arguments) throws InterruptedException {
        String kafka = arguments[0];
        String app = arguments[1];
        String input = arguments[2];
        String output = arguments[3];
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, kafka);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, app);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments[4]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[5]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, arguments[6]);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put("auto.offset.reset", "earliest");

        Serde<Sums> sums = Serdes.serdeFrom((topic, value) -> bytes(value), (topic, value) -> sums(value));
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(input, Consumed.with(Serdes.String(), Serdes.ByteArray()))
                .groupByKey()
                .aggregate(
                        () -> new Sums(0, 0, -1),
                        (device, upload, before) -> before.plus(part(upload)),
                        Materialized.<String, Sums>as(Stores.inMemoryKeyValueStore("sums"))
                                .withKeySerde(Serdes.String())
                                .withValueSerde(sums)
                                .withCachingEnabled())
                .toStream()
                .to(output, Produced.with(Serdes.String(), sums));

        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(70);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        new CountDownLatch(1).await();
    }

    /** Energy is summed in whole microwatt-hours: mean power times the time since the reading before. */
    private static Part part(byte[] upload) {
        long seq = -1;
        long leadMs = 0;
        long[] offsetMs = new long[0];
        double[] powerW = new double[0];
        try (JsonParser json = JSON.createParser(upload)) {
            json.nextToken();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String name = json.currentName();
                json.nextToken();
                switch (name) {
                    case "seq" -> seq = json.getLongValue();
                    case "lead_ms" -> leadMs = json.getLongValue();
                    case "offset_ms" -> offsetMs = longs(json);
                    case "power_w" -> powerW = doubles(json);
                    default -> json.skipChildren();
                }
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        long energyUwh = 0;
        for (int reading = 0; reading < powerW.length; reading++) {
            long spanMs = reading == 0 ? leadMs : offsetMs[reading] - offsetMs[reading - 1];
            energyUwh += (long) Math.rint(powerW[reading] * spanMs * (1_000_000 / MS_PER_HOUR));
        }
        return new Part(energyUwh, seq);
    }

    private static long[] longs(JsonParser json) throws IOException {
        long[] found = new long[USUAL_READINGS];
        int count = 0;
        while (json.nextToken() != JsonToken.END_ARRAY) {
            if (count == found.length) {
                found = Arrays.copyOf(found, 2 * count);
            }
            found[count++] = json.getLongValue();
        }
        return Arrays.copyOf(found, count);
    }

    private static double[] doubles(JsonParser json) throws IOException {
        double[] found = new double[USUAL_READINGS];
        int count = 0;
        while (json.nextToken() != JsonToken.END_ARRAY) {
            if (count == found.length) {
                found = Arrays.copyOf(found, 2 * count);
            }
            found[count++] = json.getDoubleValue();
        }
        return Arrays.copyOf(found, count);
    }

    private static byte[] bytes(Sums sums) {
        return sums == null
                ? null
                : ByteBuffer.allocate(24).putLong(sums.uploads).putLong(sums.energyUwh).putLong(sums.lastSeq).array();
    }

    private static Sums sums(byte[] bytes) {
        if (bytes == null) {
            return null;
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        return new Sums(buffer.getLong(), buffer.getLong(), buffer.getLong());
    }
}
