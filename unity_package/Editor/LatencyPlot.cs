#nullable enable
using Dreamport.Internal;
using UnityEditor;
using UnityEngine;

namespace Dreamport.Editor
{
    /// <summary>Draws control-to-frame latency and frame interval over the last minute.</summary>
    sealed class LatencyPlot
    {
        static readonly Color Background = new Color(0.1f, 0.1f, 0.1f, 0.6f);
        static readonly Color MedianColour = new Color(0.3f, 0.8f, 1f);
        static readonly Color LateColour = new Color(1f, 0.6f, 0.2f);
        static readonly Color IntervalColour = new Color(0.5f, 0.9f, 0.4f);

        readonly Vector3[] _points = new Vector3[240];

        public void Draw(LatencyHistory history)
        {
            var area = GUILayoutUtility.GetRect(100f, 90f, GUILayout.ExpandWidth(true));
            EditorGUI.DrawRect(area, Background);
            var largest = history.Largest();
            Line(area, history, 0, largest, LateColour);
            Line(area, history, 1, largest, MedianColour);
            Line(area, history, 2, largest, IntervalColour);
            GUI.Label(new Rect(area.x + 4f, area.y + 2f, area.width - 8f, 18f),
                $"up to {largest:F0} ms. Blue: control to frame p50, orange: p95, green: frame interval p95");
        }

        void Line(Rect area, LatencyHistory history, int which, float largest, Color colour)
        {
            var count = Mathf.Min(history.Count, _points.Length);
            if (count < 2)
                return;
            for (var i = 0; i < count; i++)
            {
                var index = history.Count - count + i;
                var value = which == 0 ? history.Late(index) : which == 1 ? history.Median(index) : history.Interval(index);
                _points[i] = new Vector3(
                    area.x + area.width * i / (_points.Length - 1), area.yMax - (area.height - 20f) * Mathf.Clamp01(value / largest), 0f);
            }
            Handles.color = colour;
            Handles.DrawAAPolyLine(2f, count, _points);
        }
    }
}
