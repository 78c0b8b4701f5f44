#nullable enable
using System;

namespace Dreamport.Internal
{
    /// <summary>The last samples of latency, oldest first, in memory of fixed size.</summary>
    public sealed class LatencyHistory
    {
        readonly float[] _median, _late, _interval;
        int _begin;

        /// <summary>Keeps <paramref name="capacity"/> samples.</summary>
        public LatencyHistory(int capacity)
        {
            _median = new float[capacity];
            _late = new float[capacity];
            _interval = new float[capacity];
        }

        /// <summary>Samples kept.</summary>
        public int Count { get; private set; }

        /// <summary>Adds control-to-frame p50 and p95 and the frame interval's p95, milliseconds.</summary>
        public void Add(float medianMs, float lateMs, float intervalMs)
        {
            var at = (_begin + Count) % _median.Length;
            _median[at] = medianMs;
            _late[at] = lateMs;
            _interval[at] = intervalMs;
            if (Count < _median.Length)
                Count++;
            else
                _begin = (_begin + 1) % _median.Length;
        }

        /// <summary>Control to frame, median, milliseconds.</summary>
        public float Median(int index) => _median[At(index)];

        /// <summary>Control to frame, 95 %, milliseconds.</summary>
        public float Late(int index) => _late[At(index)];

        /// <summary>Frame interval, 95 %, milliseconds.</summary>
        public float Interval(int index) => _interval[At(index)];

        /// <summary>The largest sample, milliseconds; at least 1.</summary>
        public float Largest()
        {
            var largest = 1f;
            for (var i = 0; i < Count; i++)
                largest = Math.Max(largest, Math.Max(Late(i), Interval(i)));
            return largest;
        }

        int At(int index)
        {
            if (index < 0 || index >= Count)
                throw new ArgumentOutOfRangeException(nameof(index));
            return (_begin + index) % _median.Length;
        }
    }
}
